//! `verify --releases`: the matrix of model types and releases.

use comfy_table::Cell;
use portwright_harness::outcome::Verdict;
use portwright_tools::{
    count::counted,
    releases::{self, Matrix, ReleasesInput, ReleasesOutput},
};

use crate::{show, surroundings::surroundings, verify_args::VerifyArgs};

pub(crate) fn verify(args: &VerifyArgs) -> anyhow::Result<u8> {
    let (home, bars, cancel) = surroundings()?;
    let input = args.input();
    let named = input.transformers.iter().map(|it| it.display().to_string()).collect();
    let input = ReleasesInput {
        releases: named,
        model_types: args.only.clone(),
        port: input.port,
        jobs: args.jobs,
        out: input.out,
        docs: args.docs.clone(),
        deadline: input.deadline,
    };
    let output = releases::releases(&input, &home, &bars, &cancel)?;
    if args.output.json {
        show::json(&output)?;
    } else {
        print(&output);
    }
    Ok(u8::from(output.matrix.entries.iter().any(|it| it.verdict != Verdict::Pass)))
}

fn print(output: &ReleasesOutput) {
    let Matrix { releases, entries, .. } = &output.matrix;
    let mut table = show::new_table();
    table.set_header(["model type", "spelling"].into_iter().chain(releases.iter().map(|it| &**it)));
    let mut kinds: Vec<_> = entries.iter().map(|it| (&it.model_type, it.spelling)).collect();
    kinds.sort_unstable();
    kinds.dedup();
    for (model_type, spelling) in kinds {
        let cell = |release: &String| {
            let found = output.matrix.of(model_type, release).find(|it| it.spelling == spelling);
            found.map_or(Cell::new(""), |it| {
                Cell::new(it.verdict.word()).fg(show::verdict_colour(it.verdict))
            })
        };
        let words = [Cell::new(model_type), Cell::new(spelling.id())];
        table.add_row(words.into_iter().chain(releases.iter().map(cell)));
    }
    let open = entries.iter().filter(|it| !it.explained).count();
    anstream::println!(
        "{table}\n{} in {:.0} s; {} not wholly explained",
        counted(entries.len(), "row", "rows"),
        output.seconds,
        counted(open, "row is", "rows are"),
    );
}
