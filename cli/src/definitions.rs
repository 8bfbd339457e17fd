//! `verify --definitions`: a table of what does not pass, and counts.

use comfy_table::Cell;
use portwright_harness::{definitions::MODES, head::HEADS, outcome::Verdict};
use portwright_tools::{
    count::counted,
    definitions::{self, DefinitionsInput, DefinitionsOutput},
};

use crate::{show, surroundings::surroundings, verify_args::VerifyArgs};

pub(crate) fn verify(args: &VerifyArgs) -> anyhow::Result<u8> {
    let (home, bars, cancel) = surroundings()?;
    let input = args.input();
    let input = DefinitionsInput {
        model_types: args.only.clone(),
        heads: args.heads.clone(),
        modes: args.modes.clone(),
        transformers: input.transformers,
        jobs: args.jobs,
        out: input.out,
        docs: args.docs.clone(),
        deadline: input.deadline,
    };
    let output = definitions::definitions(&input, &home, &bars, &cancel)?;
    if args.output.json {
        show::json(&output)?;
    } else {
        print(&output);
    }
    let cells = output.coverage.rows.iter().flat_map(|it| it.modes.values());
    Ok(u8::from(!cells.into_iter().all(|it| it.verdict == Verdict::Pass)))
}

fn print(output: &DefinitionsOutput) {
    let mut table = show::new_table();
    table.set_header(["head", "mode", "pass", "fail", "not run"]);
    let coverage = &output.coverage;
    for head in HEADS {
        for mode in MODES {
            let of = |verdict| coverage.count(head, mode, verdict);
            let counts = [of(Verdict::Pass), of(Verdict::Fail), of(Verdict::NotRun)];
            if counts.iter().sum::<usize>() == 0 {
                continue;
            }
            let words = [head.id().to_owned(), mode.name().to_owned()];
            let numbers = counts.map(|it| it.to_string());
            table.add_row(words.into_iter().chain(numbers).map(Cell::new));
        }
    }
    anstream::println!(
        "{table}\n{} in {:.0} s",
        counted(coverage.rows.len(), "definition", "definitions"),
        output.seconds
    );
}
