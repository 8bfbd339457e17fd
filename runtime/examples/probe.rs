//! Development only.
#![allow(clippy::all, clippy::pedantic, clippy::unwrap_used, clippy::print_stdout)]
use portwright_runtime::*;
use serde_json::*;
use std::time::Instant;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let folder = std::path::PathBuf::from(&a[2]);
    let times: usize = a[3].parse().unwrap();
    let mut packages = vec![Package { name: "transformers".into(), folder: a[1].clone().into() }];
    if let Some(it) = a.get(5) {
        packages.push(Package { name: "probe".into(), folder: it.into() });
    }
    for _ in 0..times {
        let t0 = Instant::now();
        let m = Machine::start(Options {
            sources: Sources {
                dialect: "torch".into(),
                packages: packages.clone(),
                overlay: std::env::var_os("OVERLAY").map(Into::into),
            },
            cache: Some(a[4].clone().into()),
            ..Default::default()
        })
        .unwrap();
        println!("start {:?}", t0.elapsed());
        m.open_weights(vec![folder.join("model.safetensors")]).unwrap();
        let config: Value =
            from_str(&std::fs::read_to_string(folder.join("config.json")).unwrap()).unwrap();
        let case: Value =
            from_str(&std::fs::read_to_string(folder.join("case.json")).unwrap()).unwrap();
        if a.len() > 5 {
            let t = Instant::now();
            match m.call(
                "probe.code",
                "go",
                &json!({"handle":"m","config":config,"dtype":"float32","tokens":case["tokens"]}),
            ) {
                Ok(x) => println!("{}\n{}", x.printed, x.value),
                Err(e) => println!("{e}"),
            }
            println!("probe {:?}", t.elapsed());
            continue;
        }
        let t = Instant::now();
        let r = m.call(
            "portwright.session",
            "open_model",
            &json!({"handle":"m","config":config,"dtype":"float32","attention":"eager"}),
        );
        if let Err(e) = r {
            println!("{e}");
        }
        println!("open {:?} (all {:?})", t.elapsed(), t0.elapsed());
        for _ in 0..4 {
            let t = Instant::now();
            let r = m.call(
                "portwright.session",
                "forward",
                &json!({"handle":"m","tokens":case["tokens"]}),
            );
            if let Err(e) = r {
                println!("{e}");
            }
            println!("forward {:?}", t.elapsed());
        }
    }
}
