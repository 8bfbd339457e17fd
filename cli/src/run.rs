//! `portwright run`: its arguments, text on stdout as it comes, figures on stderr.

use std::{
    io::{Read, Write, stdin, stdout},
    path::PathBuf,
};

use anyhow::Context;
use clap::{Args as ClapArgs, ValueEnum};
use portwright_tools::{
    count::counted,
    run::{self, Figures, Finish, RunInput, RunOutput, Sampling, Template},
};

use crate::{
    output::Output,
    show,
    surroundings::{INTERRUPTED, surroundings},
};

#[derive(Debug, ClapArgs)]
pub(crate) struct RunArgs {
    /// A checkpoint: its folder, or a Hub id such as `org/name@revision`
    model: String,

    /// The prompt; `-` reads it from stdin
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
    prompt: String,

    /// What the chat template is told as the system's message
    #[arg(long, value_name = "TEXT", conflicts_with = "no_chat_template")]
    system: Option<String>,

    /// Give the prompt to the model as it is
    #[arg(long)]
    no_chat_template: bool,

    /// Tokens at most
    #[arg(short = 'n', long, value_name = "N", default_value_t = 256)]
    max_new_tokens: u32,

    /// Draw tokens as `generation_config.json` says, instead of taking the best one
    #[arg(long)]
    sample: bool,

    /// Draw tokens; divides the logits (0 takes the best token)
    #[arg(long, value_name = "T")]
    temperature: Option<f64>,

    /// Draw from so many of the best tokens (0: from all)
    #[arg(long, value_name = "K")]
    top_k: Option<u32>,

    /// Draw from the fewest tokens whose probabilities reach this share
    #[arg(long, value_name = "P")]
    top_p: Option<f64>,

    /// Draw from tokens at least so likely as this share of the best one
    #[arg(long, value_name = "P")]
    min_p: Option<f64>,

    /// Make tokens that were seen less likely (above 1)
    #[arg(long, value_name = "X")]
    repetition_penalty: Option<f64>,

    /// Seed of the draws
    #[arg(long, default_value_t = 0)]
    seed: u64,

    /// End before this text; may be given more than once
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    stop: Vec<String>,

    /// What to compute in (default: the checkpoint's own dtype)
    #[arg(long, value_enum)]
    dtype: Option<Dtype>,

    /// Where to compute: cpu, cuda:N or metal:N in a program built with that feature, or candle-cpu, candle's own backend
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: String,

    /// Threads to compute with (default: one for each core)
    #[arg(long, value_name = "N")]
    threads: Option<u32>,

    /// A checkout or install of transformers, or a release such as `5.24.0` or `5.24`, its newest
    /// (default: the one around the current folder, else the pinned release)
    #[arg(long, value_name = "PATH|RELEASE")]
    transformers: Option<PathBuf>,

    #[command(flatten)]
    output: Output,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Dtype {
    F32,
    Bf16,
    F16,
    F64,
}

impl RunArgs {
    fn input(&self) -> anyhow::Result<RunInput> {
        let mut prompt = self.prompt.clone();
        if prompt == "-" {
            prompt.clear();
            stdin().read_to_string(&mut prompt).context("stdin is no UTF-8 text")?;
        }
        Ok(RunInput {
            model: self.model.clone(),
            prompt,
            system: self.system.clone(),
            template: if self.no_chat_template { Template::Never } else { Template::IfAny },
            max_new_tokens: self.max_new_tokens,
            sampling: Sampling {
                sample: self.sample,
                temperature: self.temperature,
                top_k: self.top_k,
                top_p: self.top_p,
                min_p: self.min_p,
                repetition_penalty: self.repetition_penalty,
                seed: self.seed,
            },
            stop: self.stop.clone(),
            dtype: self.dtype.map(|it| {
                let name = match it {
                    Dtype::F32 => "float32",
                    Dtype::Bf16 => "bfloat16",
                    Dtype::F16 => "float16",
                    Dtype::F64 => "float64",
                };
                name.to_owned()
            }),
            device: Some(self.device.clone()),
            threads: self.threads,
            transformers: self.transformers.clone(),
        })
    }
}

/// Generate, telling the text as it comes.
pub(crate) fn run(args: &RunArgs) -> anyhow::Result<u8> {
    let (home, bars, cancel) = surroundings()?;
    let input = args.input()?;
    let json = args.output.json;
    let mut tell = |text: &str| {
        if !json {
            let mut out = stdout().lock();
            // A reader that has gone ends the program elsewhere.
            let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        }
    };
    let output = run::run(&input, &home, &bars, &cancel, &mut tell)?;
    if json {
        show::json(&output)?;
    } else {
        show::line("");
    }
    figures(&output);
    Ok(if output.finish == Finish::Interrupted { INTERRUPTED } else { 0 })
}

/// What it took, on stderr.
fn figures(output: &RunOutput) {
    let Figures {
        load_seconds,
        first_token_seconds,
        prefill_tokens_per_second,
        decode_tokens_per_second,
        peak_bytes,
    } = &output.figures;
    let ended = match output.finish {
        Finish::End => "the model ended",
        Finish::Stop => "a stop text came",
        Finish::Length => "as many as were asked for",
        Finish::Interrupted => "interrupted",
    };
    let tokens = |number| counted(number, "token", "tokens");
    let decode = decode_tokens_per_second.map_or(String::new(), |it| format!(", {it:.1} tokens/s"));
    anstream::eprintln!(
        "prompt: {}, {prefill_tokens_per_second:.1} tokens/s; first token after {first_token_seconds:.3} s",
        tokens(output.prompt_ids.len()),
    );
    anstream::eprintln!("answer: {}{decode}; {ended}", tokens(output.ids.len()));
    let memory =
        peak_bytes.map_or(String::new(), |it| format!("; peak memory {}", show::bytes(it)));
    anstream::eprintln!(
        "model:  {} with {} parameters, opened in {load_seconds:.2} s{memory}",
        output.class,
        show::count(output.parameters),
    );
}
