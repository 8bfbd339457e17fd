//! The page of a report is what a browser needs: one file, its anchors, nothing from elsewhere.

#![allow(clippy::unwrap_used, reason = "a failing step is a failing test")]

use std::{collections::BTreeSet, path::Path};

use portwright_harness::evidence::{Evidence, Real};
use portwright_tools::{report, runs};
use scraper::{Html, Node, Selector};

fn fixture() -> Evidence {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/gemma2");
    runs::load(&path).unwrap()
}

fn select<'a>(page: &'a Html, selector: &str) -> Vec<scraper::ElementRef<'a>> {
    let selector = Selector::parse(selector).unwrap();
    page.select(&selector).collect()
}

fn page(evidence: &Evidence) -> Html {
    Html::parse_document(&report::html(evidence).unwrap())
}

#[test]
fn it_parses_without_an_error_and_every_anchor_has_its_place() {
    let page = page(&fixture());
    assert_eq!(page.errors, Vec::<String>::new());
    let ids: Vec<&str> = select(&page, "[id]").iter().filter_map(|it| it.attr("id")).collect();
    let unique: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(ids.len(), unique.len(), "{ids:?}");
    let anchors = select(&page, "nav a");
    assert!(9 < anchors.len());
    for anchor in anchors {
        let target = anchor.attr("href").unwrap().strip_prefix('#').unwrap();
        assert!(unique.contains(target), "{target}");
    }
    for element in select(&page, "[aria-labelledby]") {
        for id in element.attr("aria-labelledby").unwrap().split(' ') {
            assert!(unique.contains(id), "{id}");
        }
    }
}

#[test]
fn every_section_is_in_the_contents_and_headings_are_in_order() {
    let page = page(&fixture());
    let listed: Vec<&str> =
        select(&page, "nav a").iter().map(|it| &it.attr("href").unwrap()[1..]).collect();
    let sections: Vec<&str> =
        select(&page, "section > h2").iter().map(|it| it.attr("id").unwrap()).collect();
    assert_eq!(listed, sections);
    let mut level = 0;
    for heading in select(&page, "h1, h2, h3, h4") {
        let this: usize = heading.value().name()[1..].parse().unwrap();
        assert!(this <= level + 1, "{:?}", heading.text().collect::<String>());
        level = this;
    }
    assert_eq!(select(&page, "h1").len(), 1);
}

#[test]
fn nothing_comes_from_elsewhere_and_nothing_runs() {
    let page = page(&fixture());
    let policy = select(&page, "meta[http-equiv='Content-Security-Policy']");
    let policy = policy[0].attr("content").unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'unsafe-inline'"), "{policy}");
    for element in select(&page, "*") {
        let name = element.value().name();
        assert!(!["script", "link", "img", "iframe", "object", "base", "form"].contains(&name));
        for (attribute, value) in element.value().attrs() {
            assert!(!attribute.starts_with("on"), "{attribute}");
            let leads = ["src", "href", "xlink:href", "action"].contains(&attribute);
            assert!(!leads || value.starts_with('#'), "{attribute}={value}");
        }
    }
    for style in select(&page, "style") {
        let text: String = style.text().collect();
        assert!(!text.contains("url(") && !text.contains("@import"));
    }
}

#[test]
fn tables_have_headers_and_plots_have_words() {
    let page = page(&fixture());
    for table in select(&page, "table") {
        let headers = Selector::parse("thead th[scope=col]").unwrap();
        assert!(1 < table.select(&headers).count());
    }
    let plots = select(&page, "svg");
    assert_eq!(plots.len(), 3);
    for plot in plots {
        assert_eq!(plot.attr("role"), Some("img"));
        for part in ["title", "desc"] {
            assert_eq!(plot.select(&Selector::parse(part).unwrap()).count(), 1);
        }
    }
    for region in select(&page, ".scroll") {
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
    let text = report::html(&evidence).unwrap();
    let page = Html::parse_document(&text);
    assert_eq!(page.errors, Vec::<String>::new());
    assert!(select(&page, "script, img").is_empty());
    assert!(select(&page, "h1")[0].text().collect::<String>().contains("alert(1)"));
    // Three blanks for a person, and no mark that the evidence brought.
    let marks = |text: &str| text.matches("<!-- person:").count();
    let comments = page.tree.values().filter(|it| matches!(it, Node::Comment(_))).count();
    assert_eq!((marks(&text), comments), (3, 6));
    let markdown = report::render(&evidence).unwrap();
    let outside = markdown.replace(&evidence.command.replace('\n', " "), "");
    assert_eq!(marks(&outside), 3);
    assert!(!outside.contains("<script>") || outside.lines().all(|it| {
        // Inside code, markup is text.
        it.split('`').step_by(2).all(|it| !it.contains("<script>"))
    }));
    assert!(!markdown.lines().any(|it| it.starts_with("## For a person <")));
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
    let told: String = select(&page, "#positions ~ .plots")[0].text().collect();
    assert!(told.contains("1 exactly zero, as rings on the lower edge"), "{told}");
    assert!(told.contains("2 not finite, as crosses on the upper edge"), "{told}");
    assert!(told.contains("64 exactly zero"), "{told}");
}
