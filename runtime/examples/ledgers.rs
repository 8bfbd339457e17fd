//! dev only
#![allow(clippy::all, clippy::pedantic, clippy::unwrap_used, clippy::print_stdout)]
use portwright_runtime::*;
use serde_json::*;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let folder = std::path::PathBuf::from(&a[2]);
    let packages = vec![Package { name: "transformers".into(), folder: a[1].clone().into() }];
    let m = Machine::start(Options {
        sources: Sources {
            dialect: "torch".into(),
            packages,
            overlay: std::env::var_os("OVERLAY").map(Into::into),
        },
        cache: Some(a[3].clone().into()),
        ..Default::default()
    })
    .unwrap();
    m.open_weights(vec![folder.join("model.safetensors")]).unwrap();
    let config: Value =
        from_str(&std::fs::read_to_string(folder.join("config.json")).unwrap()).unwrap();
    let tokens: Vec<Vec<u32>> = vec![(10..22).collect(), (30..42).collect()];
    let t = std::time::Instant::now();
    match m.call(
        "portwright.session",
        "ledgers",
        &json!({"config":config,"dtype":"float32","tokens":tokens}),
    ) {
        Ok(x) => println!("{}", serde_json::to_string_pretty(&x.value).unwrap()),
        Err(e) => println!("{e}"),
    }
    println!("{:?}", t.elapsed());
}
