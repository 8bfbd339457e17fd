//! The page of a report is what a browser needs: one file, its anchors, nothing from elsewhere.

#![allow(clippy::unwrap_used, reason = "a failing step is a failing test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use html5gum::{Token, Tokenizer};
use portwright_harness::{evidence::Evidence, figure::Real};
use portwright_tools::{report, runs};

/// Elements that have no end tag.
const VOID: [&str; 5] = ["meta", "br", "hr", "img", "link"];

/// An element with what stands in it.
#[derive(Debug, Default)]
struct Element {
    name: String,
    attributes: BTreeMap<String, String>,
    /// The names of the elements around it, outermost first.
    within: Vec<String>,
    text: String,
}

impl Element {
    fn attr(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }
}

/// A page as the tokenizer of the HTML standard reads it. Every element is closed in its place.
#[derive(Debug, Default)]
struct Page {
    elements: Vec<Element>,
    comments: Vec<String>,
}

impl Page {
    fn of(html: &str) -> Self {
        let (mut page, mut open) = (Self::default(), Vec::<usize>::new());
        let text = |it: &[u8]| String::from_utf8(it.to_vec()).unwrap();
        for token in Tokenizer::new(html) {
            match token.unwrap() {
                Token::StartTag(tag) => {
                    let name = text(&tag.name);
                    let within = open.iter().map(|it| page.elements[*it].name.clone()).collect();
                    let attributes =
                        tag.attributes.iter().map(|(key, it)| (text(key), text(it))).collect();
                    if !tag.self_closing && !VOID.contains(&name.as_str()) {
                        open.push(page.elements.len());
                    }
                    page.elements.push(Element { name, attributes, within, text: String::new() });
                }
                Token::EndTag(tag) => {
                    let opened = open.pop().expect("an element that is open");
                    assert_eq!(page.elements[opened].name, text(&tag.name));
                }
                Token::String(it) => {
                    for &element in &open {
                        page.elements[element].text += &text(&it);
                    }
                }
                Token::Comment(it) => page.comments.push(text(&it)),
                Token::Doctype(_) => assert!(page.elements.is_empty()),
                Token::Error(error) => panic!("{error:?}"),
            }
        }
        assert!(open.is_empty(), "{open:?}");
        page
    }

    fn named<'a>(&'a self, names: &[&str]) -> Vec<&'a Element> {
        self.elements.iter().filter(|it| names.contains(&it.name.as_str())).collect()
    }

    fn inside<'a>(&'a self, outer: &str, name: &str) -> Vec<&'a Element> {
        let mut found = self.named(&[name]);
        found.retain(|it| it.within.iter().any(|it| it == outer));
        found
    }
}

fn fixture() -> Evidence {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/gemma2");
    runs::load(&path).unwrap()
}

fn page(evidence: &Evidence) -> Page {
    Page::of(&report::html(evidence).unwrap())
}

#[test]
fn every_anchor_has_its_place() {
    let page = page(&fixture());
    let ids: Vec<&str> = page.elements.iter().filter_map(|it| it.attr("id")).collect();
    let unique: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(ids.len(), unique.len(), "{ids:?}");
    for element in &page.elements {
        let labels = element.attr("aria-labelledby").unwrap_or_default();
        for id in labels.split_whitespace() {
            assert!(unique.contains(id), "{id}");
        }
    }
}

#[test]
fn every_section_is_in_the_contents_and_headings_are_in_order() {
    let page = page(&fixture());
    let anchors = page.inside("nav", "a");
    let listed: Vec<&str> = anchors.iter().map(|it| &it.attr("href").unwrap()[1..]).collect();
    let sections = page.inside("section", "h2");
    let sections: Vec<&str> = sections.iter().map(|it| it.attr("id").unwrap()).collect();
    assert!(8 < listed.len());
    assert_eq!(listed, sections);
    let mut level = 0;
    for heading in page.named(&["h1", "h2", "h3", "h4"]) {
        let this: usize = heading.name[1..].parse().unwrap();
        assert!(this <= level + 1, "{}", heading.text);
        level = this;
    }
    assert_eq!(page.named(&["h1"]).len(), 1);
}

#[test]
fn nothing_comes_from_elsewhere_and_nothing_runs() {
    let page = page(&fixture());
    let policy = page.named(&["meta"]);
    let policy = policy.iter().find(|it| it.attr("http-equiv").is_some()).unwrap();
    assert_eq!(policy.attr("http-equiv"), Some("Content-Security-Policy"));
    let policy = policy.attr("content").unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'unsafe-inline'"), "{policy}");
    for element in &page.elements {
        let forbidden = ["script", "link", "img", "iframe", "object", "base", "form"];
        assert!(!forbidden.contains(&element.name.as_str()), "{}", element.name);
        for (attribute, value) in &element.attributes {
            assert!(!attribute.starts_with("on"), "{attribute}");
            let leads = ["src", "href", "xlink:href", "action"].contains(&attribute.as_str());
            assert!(!leads || value.starts_with('#'), "{attribute}={value}");
        }
    }
    for style in page.named(&["style"]) {
        assert!(!style.text.contains("url(") && !style.text.contains("@import"));
    }
}

#[test]
fn tables_have_headers_and_plots_have_words() {
    let page = page(&fixture());
    let tables = page.named(&["table"]).len();
    assert!(4 <= tables);
    assert_eq!(page.inside("thead", "tr").len(), tables);
    assert!(page.inside("thead", "th").iter().all(|it| it.attr("scope") == Some("col")));
    let plots = page.named(&["svg"]);
    assert_eq!(plots.len(), 4);
    assert!(plots.iter().all(|it| it.attr("role") == Some("img")));
    assert_eq!((page.inside("svg", "title").len(), page.inside("svg", "desc").len()), (4, 4));
    for region in page.elements.iter().filter(|it| it.attr("class") == Some("scroll")) {
        let named = region.attr("aria-labelledby").or(region.attr("aria-label"));
        assert!(named.is_some() && region.attr("tabindex") == Some("0"));
    }
}

/// Names, paths and messages are the checkpoint's and the port's: anything may be in them.
#[test]
fn hostile_evidence_stays_text() {
    let hostile = "</title></style><script>alert(1)</script>\"'><img src=x onerror=alert(2)> \n\
                   ## For a person <!-- person: x --> | `";
    let mut evidence = fixture();
    evidence.subject.model_type = hostile.into();
    evidence.subject.checkpoint = Some(hostile.into());
    evidence.command = hostile.into();
    evidence.taps[0].reference = format!("model.{hostile}.0");
    evidence.taps[1].port = hostile.into();
    for check in &mut evidence.checks {
        check.findings = vec![hostile.into()];
        for figure in &mut check.figures {
            figure.name = hostile.into();
        }
    }
    let page = page(&evidence);
    assert!(page.named(&["script", "img"]).is_empty());
    assert!(page.named(&["h1"])[0].text.contains("alert(1)"));
    // Three blanks for a person, and no mark that the evidence brought.
    assert_eq!(page.comments.len(), 6, "{:?}", page.comments);
    let markdown = report::render(&evidence).unwrap();
    let outside = markdown.replace(&evidence.command.replace('\n', " "), "");
    assert_eq!(outside.matches("<!-- person:").count(), 3);
    for line in outside.lines() {
        assert!(!line.starts_with("## For a person <"), "{line}");
        // Inside code, markup is text.
        assert!(line.split('`').step_by(2).all(|it| !it.contains("<script>")), "{line}");
    }
}

#[test]
fn zeros_and_what_is_no_number_are_drawn_and_told() {
    let mut evidence = fixture();
    evidence.per_position.max_abs[0] = Real(0.0);
    evidence.per_position.max_abs[1] = Real(f64::NAN);
    evidence.per_position.max_abs[2] = Real(f64::INFINITY);
    for kl in &mut evidence.per_position.kl {
        *kl = Real(0.0);
    }
    let page = page(&evidence);
    let told: String = page.named(&["figure"]).iter().map(|it| it.text.clone()).collect();
    assert!(told.contains("1 exactly zero, as rings on the lower edge"), "{told}");
    assert!(told.contains("2 not finite, as crosses on the upper edge"), "{told}");
    assert!(told.contains("64 exactly zero"), "{told}");
}
