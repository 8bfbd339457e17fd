//! Who may call the server over HTTP, asked over real sockets.

#![allow(clippy::unwrap_used, reason = "a test stops where what it assumes does not hold")]

use portwright_tests::{command, server::Server};

const TOKEN: &str = "0123456789abcdef";
/// A name that a server on every address is told.
const NAME: &str = "build.example";

fn runs() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path().join("runs");
    (folder, runs)
}

#[test]
fn no_website_reaches_the_server_through_a_browser() {
    let (_folder, runs) = runs();
    let server = Server::start(&runs);
    let host = server.authority().to_owned();
    let status = |headers: &str| server.reply_to(headers).status;
    assert_eq!(status(&format!("Host: {host}\r\n")), 200);
    assert_eq!(status("Host: rebound.example\r\n"), 403);
    for origin in ["https://evil.example", "null", "http://localhost", "http://localhost:3000"] {
        assert_eq!(status(&format!("Host: {host}\r\nOrigin: {origin}\r\n")), 403, "{origin}");
    }
    server.interrupt();
}

#[test]
fn other_machines_need_the_token_that_was_printed() {
    let (_folder, runs) = runs();
    let server = Server::start_with(&runs, "0.0.0.0:0", |it| _ = it.args(["--allow-host", NAME]));
    let [said] = server.said.as_slice() else { panic!("{:?}", server.said) };
    assert!(said.contains("PORTWRIGHT_TOKEN sets your own"), "{said}");
    let token = said.rsplit(' ').next().unwrap();
    assert_eq!(token.len(), 64);
    guarded(&server, token);
    server.interrupt();
}

#[test]
fn other_machines_need_the_token_of_the_user() {
    let (_folder, runs) = runs();
    let server = Server::start_with(&runs, "0.0.0.0:0", |it| {
        it.args(["--allow-host", NAME]).env("PORTWRIGHT_TOKEN", TOKEN);
    });
    assert!(server.said.is_empty(), "the user's own token is not shown: {:?}", server.said);
    guarded(&server, TOKEN);
    server.interrupt();
}

/// Without the token there is a challenge, with it the names still count.
#[track_caller]
fn guarded(server: &Server, token: &str) {
    let host = format!("Host: {NAME}\r\n");
    let bare = server.reply_to(&host);
    assert_eq!(
        (bare.status, bare.challenge.as_deref()),
        (401, Some("Bearer realm=\"portwright\""))
    );
    for wrong in
        [format!("Bearer {token}x"), "Bearer ".to_owned(), format!("Bearer {}", &token[1..])]
    {
        let reply = server.reply_to(&format!("{host}Authorization: {wrong}\r\n"));
        assert_eq!(reply.status, 401, "{wrong}");
        assert!(reply.challenge.unwrap().starts_with("Bearer "), "{wrong}");
    }
    let basic = server.reply_to(&format!("{host}Authorization: Basic {token}\r\n"));
    assert_eq!(basic.status, 401);
    let shown = format!("Authorization: Bearer {token}\r\n");
    assert_eq!(server.reply_to(&format!("{host}{shown}")).status, 200);
    assert_eq!(server.reply_to(&format!("Host: rebound.example\r\n{shown}")).status, 403);
    let origin = "Origin: https://evil.example\r\n";
    assert_eq!(server.reply_to(&format!("{host}{origin}{shown}")).status, 403);
}

#[test]
fn a_token_of_the_user_counts_on_this_machine_too() {
    let (_folder, runs) = runs();
    let server =
        Server::start_with(&runs, "127.0.0.1:0", |it| _ = it.env("PORTWRIGHT_TOKEN", TOKEN));
    let host = format!("Host: {}\r\n", server.authority());
    assert_eq!(server.reply_to(&host).status, 401);
    let shown = format!("{host}Authorization: Bearer {TOKEN}\r\n");
    assert_eq!(server.reply_to(&shown).status, 200);
    server.interrupt();
}

#[test]
fn what_cannot_be_guarded_is_not_served() {
    let folder = tempfile::tempdir().unwrap();
    command::start(folder.path(), ["mcp", "--http", "0.0.0.0:0"])
        .ended()
        .expect(2, &["no host name is allowed", "hint: name how clients reach it", "--allow-host"]);
    let mut short = std::process::Command::new(portwright_tests::program::portwright());
    short.args(["mcp", "--http", "127.0.0.1:0"]).env("PORTWRIGHT_TOKEN", "short");
    command::start_as(folder.path(), short)
        .ended()
        .expect(2, &["`PORTWRIGHT_TOKEN` is not a usable bearer token", "hint: it takes 16"]);
}
