//! The page of a report in a real browser: no error on the console, no sideways scroll on a phone.
//!
//! Needs a Chromium on the search path; without one the test says on stderr that it was skipped.

#![allow(clippy::unwrap_used, reason = "a failing step is a failing test")]

use std::{
    env, fs,
    io::{Write, stderr},
    path::{Path, PathBuf},
    process::Command,
};

use portwright_tools::{report, runs};
use serde_json::Value;

const PROGRAMS: [&str; 4] =
    ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const FLAGS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
    "--virtual-time-budget=3000",
];

/// Looks into the page through a frame of the width of a phone, and of a desk's screen.
const WATCHER: &str = r#"<!DOCTYPE html><title>watcher</title>
<iframe src="report.html" style="width:390px;height:800px;border:0"></iframe>
<iframe src="report.html" style="width:1200px;height:800px;border:0"></iframe>
<pre></pre>
<script>
onload = () => {
  const look = (frame) => {
    const page = frame.contentDocument, root = page.documentElement;
    const anchors = [...page.querySelectorAll('a')];
    const plot = page.querySelector('svg');
    return {
      sideways: root.scrollWidth - root.clientWidth,
      anchors: anchors.length,
      dead: anchors.filter((it) => !page.getElementById(it.hash.slice(1))).length,
      plot: plot.getBoundingClientRect().width,
      dot: frame.contentWindow.getComputedStyle(page.querySelector('.fill-port')).fill,
    };
  };
  const found = [...document.querySelectorAll('iframe')].map(look);
  document.querySelector('pre').textContent = JSON.stringify(found);
};
</script>"#;

fn browser() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let folders: Vec<PathBuf> = env::split_paths(&path).collect();
    PROGRAMS
        .iter()
        .flat_map(|name| folders.iter().map(move |it| it.join(name)))
        .find(|it| it.is_file())
}

#[test]
fn a_browser_shows_it_on_a_phone_and_on_a_desk() {
    let Some(browser) = browser() else {
        writeln!(stderr(), "skipped: no Chromium on the search path, so no page was opened")
            .unwrap();
        return;
    };
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/gemma2");
    let page = report::html(&runs::load(&fixture).unwrap()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("report.html"), page).unwrap();
    fs::write(dir.path().join("watcher.html"), WATCHER).unwrap();
    let output = Command::new(browser)
        .args(FLAGS)
        .arg(format!("--user-data-dir={}", dir.path().join("profile").display()))
        .args(["--allow-file-access-from-files", "--enable-logging=stderr", "--dump-dom"])
        .arg(format!("file://{}", dir.path().join("watcher.html").display()))
        .output()
        .unwrap();
    let (dom, log) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{log}");
    assert!(!log.contains("CONSOLE"), "{log}");
    let said = dom.split("<pre>").nth(1).and_then(|it| it.split("</pre>").next()).unwrap();
    let frames: Vec<Value> = serde_json::from_str(said).unwrap_or_else(|_| panic!("{dom}\n{log}"));
    assert_eq!(frames.len(), 2);
    for frame in frames {
        assert_eq!(frame["sideways"], 0, "{frame}");
        assert_eq!(frame["dead"], 0, "{frame}");
        assert!(9 < frame["anchors"].as_u64().unwrap(), "{frame}");
        assert!(300.0 < frame["plot"].as_f64().unwrap(), "{frame}");
        // The plots take their colours from the page.
        assert!(frame["dot"].as_str().unwrap().starts_with("rgb(29, 92, 186"), "{frame}");
    }
}
