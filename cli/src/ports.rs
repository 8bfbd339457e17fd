//! `verify --ports`: counts by way of computing.

use comfy_table::Cell;
use portwright_harness::{
    outcome::Verdict,
    ports::{Row, WAYS},
};
use portwright_tools::{
    count::counted,
    ports::{self, PortsInput, PortsOutput},
};

use crate::{show, surroundings::surroundings, verify_args::VerifyArgs};

pub(crate) fn verify(args: &VerifyArgs) -> anyhow::Result<u8> {
    let (home, bars, cancel) = surroundings()?;
    let input = args.input();
    let input = PortsInput {
        ports: args.only.clone(),
        port: input.port,
        jobs: args.jobs,
        out: input.out,
        docs: args.docs.clone(),
        deadline: input.deadline,
    };
    let output = ports::ports(&input, &home, &bars, &cancel)?;
    if args.output.json {
        show::json(&output)?;
    } else {
        print(&output);
    }
    let failed = |row: &Row| WAYS.iter().any(|way| row.verdict(*way) == Verdict::Fail);
    Ok(u8::from(output.coverage.rows.iter().any(failed)))
}

fn print(output: &PortsOutput) {
    let mut table = show::new_table();
    table.set_header(["", "MLX runs", "runs here", "held to MLX", "agrees"]);
    for way in WAYS {
        let count = output.coverage.count(way);
        let numbers = [count.asked, count.runs, count.held, count.agrees].map(|it| it.to_string());
        table.add_row(std::iter::once(way.name().to_owned()).chain(numbers).map(Cell::new));
    }
    anstream::println!(
        "{table}\n{} in {:.0} s",
        counted(output.coverage.rows.len(), "port", "ports"),
        output.seconds
    );
}
