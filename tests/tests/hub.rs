//! The Hub's room against a Hub over HTTP: what it reads, fetches, waits out and refuses.

#![allow(clippy::unwrap_used, reason = "a test stops where what it assumes does not hold")]

use std::{
    cell::{Cell, RefCell},
    fs, slice,
    time::{Duration, Instant},
};

use portwright_hub::{
    Event, Hub, HubError, Limits, Overrides, Query, Relation, Token, Wanted, Watch,
};
use portwright_tests::hub::{FakeHub, Fault, GRANTED, Repository, safetensors};
use tempfile::{TempDir, tempdir};

const SILENT: Watch<'static> = Watch::SILENT;

fn quick() -> Limits {
    Limits {
        silence: Duration::from_secs(5),
        first_wait: Duration::from_millis(1),
        attempts: 3,
        ..Limits::default()
    }
}

fn overrides(fake: &FakeHub, cache: &TempDir) -> Overrides {
    Overrides {
        endpoint: Some(fake.url.clone()),
        cache: Some(cache.path().join("hub")),
        offline: Some(false),
        token: None,
        limits: quick(),
    }
}

fn hub(fake: &FakeHub, cache: &TempDir) -> Hub {
    Hub::from_environment(overrides(fake, cache)).unwrap()
}

fn with_token(fake: &FakeHub, cache: &TempDir, token: &str) -> Hub {
    let token = Token::new(token);
    Hub::from_environment(Overrides { token, ..overrides(fake, cache) }).unwrap()
}

fn llama_query(limit: usize) -> Query {
    Query { model_type: Some("llama".into()), limit, ..Query::default() }
}

#[expect(clippy::print_stdout, reason = "the figure that a test is about")]
fn tell(text: &str) {
    println!("{text}");
}

#[test]
fn fifty_models_are_read_at_once() {
    let repositories = (0..50)
        .map(|idx| Repository { downloads: idx, ..Repository::llama(&format!("org/m{idx}")) })
        .collect();
    let fake = FakeHub::with(repositories, Duration::from_millis(50), 100);
    let home = tempdir().unwrap();
    let hub = hub(&fake, &home);
    let start = Instant::now();
    let listing = hub.list(&llama_query(50), SILENT).unwrap();
    let wanted = Wanted { documents: &["config.json"], tensors: true };
    let details = hub.details(&listing.models, wanted, SILENT).unwrap();
    let wall = start.elapsed();
    tell(&format!(
        "50 models in {wall:?}: {} requests, {} at once",
        fake.log().len(),
        fake.most_under_way()
    ));
    assert_eq!(listing.models[0].id, "org/m49", "most downloaded first");
    for details in details {
        let details = details.unwrap();
        assert_eq!(details.documents["config.json"]["model_type"], "llama");
        assert_eq!(details.tensors.unwrap().unwrap().parameters()["F32"], 136);
    }
    // A list, and of each model its tree, its config, and one range behind one redirect.
    assert_eq!(fake.log().len(), 1 + 50 * 4);
    assert!((8..=16).contains(&fake.most_under_way()), "{}", fake.most_under_way());
    assert!(wall < Duration::from_secs(8), "{wall:?}");
}

#[test]
fn a_listing_turns_pages_and_says_what_it_left_out() {
    let mut repositories: Vec<Repository> =
        (0..7).map(|idx| Repository::llama(&format!("org/m{idx}"))).collect();
    repositories.push(
        Repository::new("org/mistral")
            .tag("llama")
            .file("config.json", r#"{"model_type": "mistral"}"#),
    );
    repositories.push(
        Repository::llama("mlx/m0-4bit")
            .tag("base_model:org/m0")
            .tag("base_model:quantized:org/m0"),
    );
    let fake = FakeHub::with(repositories, Duration::ZERO, 2);
    let home = tempdir().unwrap();
    let hub = hub(&fake, &home);
    let all = hub.list(&llama_query(100), SILENT).unwrap();
    assert_eq!(
        (all.models.len(), all.passed_over.as_slice(), all.more),
        (8, &["org/mistral".to_owned()][..], false)
    );
    assert_eq!(all.models[0].license.as_deref(), Some("apache-2.0"));
    assert!(hub.list(&llama_query(3), SILENT).unwrap().more);
    let made = Query { base: Some("org/m0".into()), limit: 9, ..Query::default() };
    let made = hub.list(&made, SILENT).unwrap().models;
    assert_eq!((made.len(), made[0].bases[0].relation), (1, Some(Relation::Quantized)));
    fake.fail("/api/models", [Fault::Circle]);
    let err = hub.list(&llama_query(100), SILENT).unwrap_err();
    assert!(err.to_string().contains("in a circle"), "{err}");
    fake.fail("/api/models", [Fault::Instead("<html>busy</html>")]);
    let err = hub.list(&llama_query(100), SILENT).unwrap_err();
    assert!(err.to_string().contains("not the JSON"), "{err}");
}

#[test]
fn failures_of_the_moment_are_waited_out() {
    let fake = FakeHub::start(vec![Repository::llama("org/llama")]);
    let home = tempdir().unwrap();
    let hub = hub(&fake, &home);
    let path = "/api/models/org/llama";
    for faults in [vec![Fault::Broken, Fault::Cut { after: 5 }], vec![Fault::Busy { seconds: 0 }]] {
        fake.fail(path, faults);
        hub.model("org/llama", None, SILENT).unwrap();
    }
    let start = Instant::now();
    fake.fail(path, [Fault::Busy { seconds: 1 }]);
    hub.model("org/llama", None, SILENT).unwrap();
    assert!(Duration::from_secs(1) <= start.elapsed(), "it did not wait as it was told");

    fake.fail(path, [Fault::Busy { seconds: 3600 }]);
    let err = hub.model("org/llama", None, SILENT).unwrap_err();
    assert!(matches!(err, HubError::RateLimited { .. }), "{err}");
    assert!(err.to_string().contains("3600 s"), "{err}");
    fake.fail(path, [Fault::Broken, Fault::Broken, Fault::Broken]);
    let err = hub.model("org/llama", None, SILENT).unwrap_err();
    assert!(matches!(err, HubError::Status { status: 500, .. }), "{err}");
    assert!(err.hint().unwrap().contains("try again later"));
}

#[test]
fn a_silent_hub_is_given_up_and_a_caller_can_stop_waiting() {
    let fake = FakeHub::start(vec![Repository::llama("org/llama")]);
    let home = tempdir().unwrap();
    let mut patient = overrides(&fake, &home);
    fake.fail(
        "/api/models/org/llama",
        [Fault::Silent, Fault::Silent, Fault::Silent, Fault::Silent],
    );
    let asked = Cell::new(0);
    let stop = || {
        asked.set(asked.get() + 1);
        2 < asked.get()
    };
    let watch = Watch { on: &|_| (), cancelled: &stop };
    let err = Hub::from_environment(patient.clone())
        .unwrap()
        .model("org/llama", None, watch)
        .unwrap_err();
    assert!(err.is_cancelled(), "{err}");
    patient.limits.silence = Duration::from_millis(50);
    let err = Hub::from_environment(patient).unwrap().model("org/llama", None, SILENT).unwrap_err();
    assert!(matches!(err, HubError::Unreachable { .. }), "{err}");
    assert!(err.hint().unwrap().contains("HF_ENDPOINT"));
}

#[test]
fn a_download_goes_on_where_it_was_cut() {
    let fake = FakeHub::start(vec![Repository::sharded()]);
    let home = tempdir().unwrap();
    let hub = hub(&fake, &home);
    let model = hub.model("org/sharded", None, SILENT).unwrap();
    let files = hub.files(&model, SILENT).unwrap();
    let large = files.iter().find(|it| it.path == "model-1.safetensors").unwrap().clone();
    let sha = large.digest.as_ref().unwrap().as_str().to_owned();
    fake.fail(&sha, [Fault::Cut { after: 1000 }, Fault::Cut { after: 500 }]);
    let heard = RefCell::new((0, 0));
    let on = |event: Event<'_>| match event {
        Event::Started { total, .. } => heard.borrow_mut().0 = total.unwrap(),
        Event::Advanced { by, .. } => heard.borrow_mut().1 += by,
        _ => (),
    };
    let watch = Watch { on: &on, cancelled: &|| false };
    let folder = hub.fetch(&model, slice::from_ref(&large), watch).unwrap();
    assert_eq!(
        fs::read(folder.join(&large.path)).unwrap(),
        Repository::sharded().files[&large.path]
    );
    let at_store = fake.log().into_iter().filter(|it| it.at_store);
    let ranges: Vec<Option<String>> = at_store.map(|it| it.range).collect();
    assert_eq!(ranges, [None, Some("bytes=1000-".into()), Some("bytes=1500-".into())]);
    assert_eq!(*heard.borrow(), (large.size, large.size));
    // What is there is not asked for again.
    let before = fake.log().len();
    hub.fetch(&model, &[large], SILENT).unwrap();
    assert_eq!(fake.log().len(), before);
}

#[test]
fn what_another_run_left_is_continued_and_damage_is_found() {
    let fake = FakeHub::start(vec![Repository::sharded()]);
    let home = tempdir().unwrap();
    let hub = hub(&fake, &home);
    let model = hub.model("org/sharded", None, SILENT).unwrap();
    let files = hub.files(&model, SILENT).unwrap();
    let large = files.iter().find(|it| it.path == "model-1.safetensors").unwrap().clone();
    let content = Repository::sharded().files[&large.path].clone();
    let blobs = home.path().join("hub/models--org--sharded/blobs");
    fs::create_dir_all(&blobs).unwrap();
    let sha = large.digest.as_ref().unwrap().as_str().to_owned();
    let partial = blobs.join(format!("{sha}.incomplete"));

    // Damaged twice is an error, and nothing is left.
    fake.fail(&sha, [Fault::Corrupt, Fault::Corrupt]);
    let err = hub.fetch(&model, slice::from_ref(&large), SILENT).unwrap_err();
    assert!(matches!(err, HubError::Damaged { .. }), "{err}");
    assert!(!partial.exists() && !blobs.join(&sha).exists());

    // A beginning of something else is found out, and the file is fetched from nothing.
    fs::write(&partial, vec![9; 300]).unwrap();
    let folder = hub.fetch(&model, slice::from_ref(&large), SILENT).unwrap();
    assert_eq!(fs::read(folder.join(&large.path)).unwrap(), content);
    fs::remove_dir_all(home.path().join("hub")).unwrap();

    fs::create_dir_all(&blobs).unwrap();
    fs::write(&partial, &content[..700]).unwrap();
    let before = fake.log().len();
    let folder = hub.fetch(&model, slice::from_ref(&large), SILENT).unwrap();
    assert_eq!(fs::read(folder.join(&large.path)).unwrap(), content);
    let log = fake.log();
    let ranges: Vec<&Option<String>> = log[before..].iter().map(|it| &it.range).collect();
    assert!(ranges.iter().all(|it| it.as_deref() == Some("bytes=700-")), "{ranges:?}");
    assert_eq!(folder.file_name().unwrap().to_str(), model.sha.as_deref());
}

#[test]
fn refusals_say_what_to_do_and_the_token_stays_at_the_hub() {
    let gated = Repository { gated: Some("manual"), ..Repository::llama("org/gated") };
    let fake = FakeHub::start(vec![gated, Repository::llama("org/open")]);
    let home = tempdir().unwrap();
    let nobody = hub(&fake, &home);
    let model = nobody.model("org/gated", None, SILENT).unwrap();
    for (hub, expected) in [
        (&nobody, "then set HF_TOKEN"),
        (&with_token(&fake, &home, "hf_stranger"), "with the account of the token"),
    ] {
        let err = hub.json(&model, "config.json", SILENT).unwrap_err();
        let hint = err.hint().unwrap();
        assert!(hint.contains(expected) && hint.contains("/org/gated"), "{hint}");
    }
    let wrong = with_token(&fake, &home, "hf_wrong");
    let err = wrong.model("org/open", None, SILENT).unwrap_err();
    assert!(matches!(err, HubError::Token), "{err}");
    let said = format!("{err} {err:?} {wrong:?}");
    assert!(!said.contains("hf_wrong"), "{said}");
    let err = nobody.model("org/none", None, SILENT).unwrap_err();
    assert!(matches!(err, HubError::NoModel { signed_in: false, .. }), "{err}");
    let err = nobody.model("org/open", Some("v9"), SILENT).unwrap_err();
    assert!(matches!(err, HubError::NoRevision { .. }), "{err}");
    let err = nobody.json(&model, "none.json", SILENT).unwrap_err();
    assert!(matches!(err, HubError::NoFile { .. }), "{err}");

    let granted = with_token(&fake, &home, GRANTED);
    granted.tensors(&model, SILENT).unwrap();
    let files = granted.files(&model, SILENT).unwrap();
    granted.fetch(&model, &files, SILENT).unwrap();
    let log = fake.log();
    let mut at_store = log.iter().filter(|it| it.at_store).peekable();
    assert!(at_store.peek().is_some() && at_store.all(|it| it.token.is_none()));
    assert!(log.iter().any(|it| it.token.as_deref() == Some(GRANTED)));
}

#[test]
fn hostile_repositories_are_refused() {
    let length = |length: u64| [&length.to_le_bytes()[..], b"{}"].concat();
    let whole = safetensors(&[("a", &[40])]);
    let cases: [(&str, Vec<u8>, &str); 4] = [
        ("org/endless", length(1 << 63), "9223372036854775808 bytes long"),
        ("org/short", b"abc".to_vec(), "shorter than 8 bytes"),
        ("org/cut", whole[..whole.len() - 5].to_vec(), "its header speaks of"),
        ("org/page", b"<html>an error page</html>".to_vec(), "bytes long"),
    ];
    let mut repositories: Vec<Repository> = cases
        .iter()
        .map(|(id, content, _)| Repository::new(id).file("model.safetensors", content.clone()))
        .collect();
    repositories.push(Repository::new("org/out").file("../../x", "x").file("config.json", "{}"));
    let index = r#"{"weight_map": {"a": "../../../x.safetensors"}}"#;
    repositories.push(Repository::new("org/index").file("model.safetensors.index.json", index));
    repositories.push(Repository::new("org/bin").file("pytorch_model.bin", "x"));
    let fake = FakeHub::start(repositories);
    let home = tempdir().unwrap();
    let hub = hub(&fake, &home);
    let tensors = |id: &str| {
        let model = hub.model(id, None, SILENT).unwrap();
        hub.tensors(&model, SILENT).unwrap_err()
    };
    for (id, _, expected) in cases {
        let err = tensors(id);
        let HubError::Header { source, .. } = &err else { panic!("{id}: {err}") };
        assert!(source.to_string().contains(expected), "{id}: {source}");
    }
    assert!(matches!(tensors("org/out"), HubError::Unsafe { .. }));
    assert!(matches!(tensors("org/index"), HubError::Unsafe { .. }));
    assert!(matches!(tensors("org/bin"), HubError::NoWeights { .. }));
    for bad in ["../x", "a/b/c", "org/.."] {
        assert!(matches!(hub.model(bad, None, SILENT), Err(HubError::NotAnId(_))), "{bad}");
    }
}

#[test]
fn a_header_longer_than_the_first_read_takes_a_second() {
    let names: Vec<String> =
        (0..3000).map(|idx| format!("model.layers.{idx}.mlp.weight")).collect();
    let tensors: Vec<(&str, &[usize])> = names.iter().map(|it| (it.as_str(), &[1][..])).collect();
    let fake = FakeHub::start(vec![
        Repository::new("org/deep").file("model.safetensors", safetensors(&tensors)),
    ]);
    let home = tempdir().unwrap();
    let hub = hub(&fake, &home);
    let model = hub.model("org/deep", None, SILENT).unwrap();
    assert_eq!(hub.tensors(&model, SILENT).unwrap().iter().count(), 3000);
    assert_eq!(fake.count("/store/"), 2);
}

#[test]
fn a_folder_of_checkpoints_answers_the_same_questions() {
    let folder = tempdir().unwrap();
    for id in ["org/a", "b"] {
        let home = folder.path().join(id);
        fs::create_dir_all(&home).unwrap();
        for (path, content) in Repository::llama(id).files {
            fs::write(home.join(path), content).unwrap();
        }
    }
    let hub = Hub::folder(folder.path());
    let listing = hub.list(&llama_query(9), SILENT).unwrap();
    let ids: Vec<&str> = listing.models.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(ids, ["b", "org/a"]);
    let wanted = Wanted { documents: &["config.json", "none.json"], tensors: true };
    for details in hub.details(&listing.models, wanted, SILENT).unwrap() {
        let details = details.unwrap();
        assert_eq!(details.documents.len(), 1);
        assert_eq!(details.tensors.unwrap().unwrap().parameters()["F32"], 136);
    }
    let made = Query { base: Some("org/a".into()), limit: 9, ..Query::default() };
    assert!(matches!(hub.list(&made, SILENT), Err(HubError::OnlyOnline { .. })));
}
