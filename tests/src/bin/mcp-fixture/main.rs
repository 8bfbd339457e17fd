//! A server that has what the official conformance suite asks of one, served as Portwright serves its
//! own: the transport, the guards, the shutting down and the asking of a person are the product's,
//! only the tools, resources and prompts are not.
//!
//! `mcp-fixture stdio`, or `mcp-fixture http ADDRESS`.

#![expect(deprecated, reason = "the suite for 2025-11-25 asks for sampling and logging")]

mod asking;
mod content;
mod handler;
mod rounds;

use std::env;

use portwright_harness::progress::{Event, Progress};
use portwright_server::{Http, Transport, serve_handler};

/// Says on stderr what a person would see.
struct Told;

impl Progress for Told {
    #[expect(clippy::print_stderr, reason = "whoever started it waits for this line")]
    fn on(&self, event: Event<'_>) {
        if let Event::Note { text } = event {
            eprintln!("{text}");
        }
    }
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let transport = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["stdio"] => Transport::Stdio,
        ["http", address] => {
            let address = address.parse().expect("an address and a port");
            Transport::Http(Http { address, hosts: Vec::new(), token: None })
        }
        other => panic!("{other:?} is neither `stdio` nor `http ADDRESS`"),
    };
    serve_handler(handler::Fixture::default(), &transport, &Told).expect("it serves");
}
