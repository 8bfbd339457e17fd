//! One function a command: open the capability, print what it returned, give the exit code.

use std::{env, ffi::OsString, net::SocketAddr};

use portwright_harness::{
    check,
    engine::Pair,
    environment::{self, Home, Status, Supply},
    evidence,
    outcome::Verdict,
};
use portwright_server::{Http, Offer, Options, ServeError, TOKEN_VARIABLE, Token, Transport};
use portwright_tools::{
    error::ToolError,
    explain, mutants,
    sweep::{self, SweepInput},
    verify,
};

#[cfg(feature = "candle")]
use crate::run;
use crate::{
    args::{Args, Command, MutantArgs},
    cache, candidates, commits, compare, definitions, inspect, modular, policy, port, ports,
    progress::Bars,
    releases, report, show, stage,
    surroundings::{INTERRUPTED, surroundings},
    trials,
    verify_args::VerifyArgs,
};

const COULD_NOT_RUN: u8 = 2;

/// Do what was asked.
///
/// # Errors
///
/// An error means that the question could not be put; a failing port is exit code 1.
pub(crate) fn run(args: Args) -> anyhow::Result<u8> {
    match args.command {
        Command::Verify(args) if args.all => verify_all(&args),
        Command::Verify(args) if args.releases => releases::verify(&args),
        Command::Verify(args) if args.definitions => definitions::verify(&args),
        Command::Verify(args) if args.ports => ports::verify(&args),
        Command::Verify(args) if args.cover.is_some() && args.candidate.is_none() => {
            candidates::verify(&args)
        }
        Command::Verify(args) => verify_one(&args),
        Command::Candidates(args) => candidates::run(&args),
        Command::Explain(args) => {
            let explanation = explain::explain(&args.run)?;
            if args.output.json {
                show::json(&explanation)?;
            } else {
                show::explanation(&explanation);
            }
            Ok(explanation.verdict.exit_code())
        }
        #[cfg(feature = "candle")]
        Command::Run(args) => run::run(&args),
        #[cfg(not(feature = "candle"))]
        Command::Run { .. } => Err(ToolError::NoRuntime.into()),
        Command::Inspect(args) => inspect::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Policy(args) => policy::run(args),
        Command::Stage(args) => stage::run(*args),
        Command::Commits(args) => commits::run(args),
        Command::Checks { id, output } => checks(id.as_deref(), output.json),
        Command::Mutants(args) => mutants(&args),
        Command::Trials(args) => trials::trials(args),
        Command::Setup { only, plan, output } => setup(&only, plan, output.json),
        Command::Doctor { output } => doctor(output.json),
        Command::Cache { prune, output } => cache::run(prune, output.json),
        Command::Mcp { http, runs, toolsets, read_only, roots, hosts } => {
            let home = Home::locate().map_err(ToolError::from)?;
            let offer = Offer { toolsets, read_only };
            let transport = transport(http, hosts)?;
            // The server hears Ctrl-C itself.
            let options = Options { transport, runs, home, offer, roots };
            portwright_server::serve(&options, &Bars::new())?;
            Ok(0)
        }
        Command::Modular(command) => modular::run(command),
        Command::Port(args) => port::run(*args),
        Command::Schema => {
            show::json(&evidence::schema())?;
            Ok(0)
        }
        #[cfg(feature = "candle")]
        Command::Worker { settings, session } => {
            Ok(portwright_harness::engine::candle::serve(&settings, session))
        }
    }
}

/// The exit code of an error.
pub(crate) fn exit_code(err: &anyhow::Error) -> u8 {
    match err.downcast_ref::<ToolError>() {
        Some(err) if err.is_cancelled() => INTERRUPTED,
        _ => COULD_NOT_RUN,
    }
}

fn verify_all(args: &VerifyArgs) -> anyhow::Result<u8> {
    let (home, bars, cancel) = surroundings()?;
    let input = args.input();
    let input = SweepInput {
        model_types: args.only.clone(),
        transformers: input.transformers,
        port: input.port,
        jobs: args.jobs,
        out: input.out,
        engines: input.engines,
        docs: args.docs.clone(),
        deadline: input.deadline,
        ..SweepInput::default()
    };
    let output = sweep::sweep(&input, &home, &bars, &cancel)?;
    if args.output.json {
        show::json(&output)?;
    } else {
        show::coverage(&output);
    }
    let all_pass = output.coverage.rows.iter().all(|it| it.verdict == Verdict::Pass);
    Ok(u8::from(!all_pass))
}

fn mutants(args: &MutantArgs) -> anyhow::Result<u8> {
    let (home, bars, cancel) = surroundings()?;
    let pair = args.native.then(Pair::native);
    let catches = mutants::mutants(&args.ids, pair, args.docs.as_deref(), &home, &bars, &cancel)?;
    if args.output.json {
        show::json(&catches)?;
    } else {
        show::catches(&catches);
    }
    let all = catches.caught() == catches.catches.len() && catches.false_alarms() == 0;
    Ok(u8::from(!all))
}

fn verify_one(args: &VerifyArgs) -> anyhow::Result<u8> {
    let (home, bars, cancel) = surroundings()?;
    let (output, evidence) = verify::verify(&args.input(), &home, &bars, &cancel)?;
    if args.output.json {
        show::json(&output)?;
    } else {
        show::verification(&output, &evidence);
    }
    Ok(output.verdict.exit_code())
}

fn checks(id: Option<&str>, json: bool) -> anyhow::Result<u8> {
    let selected = check::select(&id.map(str::to_owned).into_iter().collect::<Vec<_>>())
        .map_err(ToolError::from)?;
    if json {
        let rows: Vec<_> = selected
            .iter()
            .map(|it| {
                serde_json::json!({
                    "id": it.id, "group": it.group, "summary": it.summary, "gate": it.gate,
                    "docs": it.docs,
                })
            })
            .collect();
        show::json(&rows)?;
    } else if id.is_some() {
        for check in selected {
            show::line(check.docs);
        }
    } else {
        show::checks();
    }
    Ok(0)
}

fn setup(only: &[Supply], plan_only: bool, json: bool) -> anyhow::Result<u8> {
    let (home, bars, cancel) = surroundings()?;
    let needs = if only.is_empty() { &Supply::ALL[..] } else { only };
    if plan_only {
        let plan = environment::plan(&home, needs).map_err(ToolError::from)?;
        if json {
            show::json(&plan)?;
        } else {
            plan.sentences().iter().for_each(show::line);
        }
        return Ok(0);
    }
    let pinned = environment::ensure(&home, needs, &bars, &cancel).map_err(ToolError::from)?;
    let versions = pinned.versions();
    if json {
        show::json(&versions)?;
    } else {
        let versions: Vec<String> =
            versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
        show::line(format!("ready: {}", versions.join(", ")));
    }
    Ok(0)
}

fn doctor(json: bool) -> anyhow::Result<u8> {
    let home = Home::locate().map_err(ToolError::from)?;
    let doctor = environment::doctor(&home);
    if json {
        show::json(&doctor)?;
    } else {
        show::doctor(&doctor);
    }
    let broken = doctor.items.iter().any(|it| it.status == Status::Broken);
    Ok(u8::from(broken))
}

/// HTTP on an address, with the user's own token where there is one; else stdin and stdout.
fn transport(http: Option<SocketAddr>, hosts: Vec<String>) -> anyhow::Result<Transport> {
    let Some(address) = http else { return Ok(Transport::Stdio) };
    let token = env::var_os(TOKEN_VARIABLE).filter(|it| !it.is_empty());
    let parse = |it: OsString| it.to_str().and_then(Token::parse).ok_or(ServeError::NoToken);
    let token = token.map(parse).transpose()?;
    Ok(Transport::Http(Http { address, hosts, token }))
}
