//! The skills, as resources: what an agent without the plugin can read of the journey.
//!
//! They are part of the program, so they always fit its tools. Clients that know the skills extension
//! find them by `skills/list`, the others by `resources/list`.

use std::path::Path;

use include_dir::{Dir, DirEntry, File, include_dir};
use rmcp::{
    ErrorData,
    model::{
        GetSkillResult, ListSkillsResult, ReadResourceResult, Resource, ResourceContents, Skill,
        SkillFrontmatter, SkillResource, SkillResources,
    },
};
use serde_json::json;

static SKILLS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../skills");
const SCHEME: &str = "skill://";
/// The file that makes a folder a skill.
const SKILL: &str = "SKILL.md";

/// `skills/list`.
pub(crate) fn list() -> ListSkillsResult {
    ListSkillsResult::with_all_items(SKILLS.dirs().filter_map(skill).collect())
}

/// `skills/get`.
pub(crate) fn get(uri: &str) -> Result<GetSkillResult, ErrorData> {
    let found = SKILLS.dirs().filter_map(skill).find(|it| it.uri == uri);
    found.map(GetSkillResult::new).ok_or_else(|| {
        let known: Vec<String> = SKILLS.dirs().map(|it| address(&it.path().join(SKILL))).collect();
        let message = format!("no skill `{uri}`; there are {}", known.join(", "));
        ErrorData::invalid_params(message, Some(json!({"uri": uri})))
    })
}

/// The front page of each skill, for `resources/list`.
pub(crate) fn resources() -> Vec<Resource> {
    let resource = |skill: Skill| {
        Resource::new(skill.uri.clone(), format!("skills/{}", skill.name()))
            .with_title(format!("Skill: {}", skill.name()))
            .with_description(skill.frontmatter.description)
            .with_mime_type("text/markdown")
    };
    SKILLS.dirs().filter_map(skill).map(resource).collect()
}

/// A file of a skill; `None` when `uri` names none.
pub(crate) fn read(uri: &str) -> Option<ReadResourceResult> {
    let text = SKILLS.get_file(uri.strip_prefix(SCHEME)?)?.contents_utf8()?;
    let contents = ResourceContents::text(text, uri).with_mime_type("text/markdown");
    Some(ReadResourceResult::new(vec![contents]))
}

fn address(path: &Path) -> String {
    format!("{SCHEME}{}", path.display())
}

fn skill(folder: &Dir<'_>) -> Option<Skill> {
    let front = folder.get_file(folder.path().join(SKILL))?;
    let mut found = Vec::new();
    files(folder, &mut found);
    let manifest =
        found.iter().map(|it| SkillResource::from_bytes(address(it.path()), it.contents()));
    let manifest = SkillResources::Files(manifest.collect());
    Some(Skill::new(address(front.path()), frontmatter(front.contents_utf8()?)?, manifest))
}

fn files<'a>(folder: &Dir<'a>, found: &mut Vec<File<'a>>) {
    for entry in folder.entries() {
        match entry {
            DirEntry::Dir(folder) => files(folder, found),
            DirEntry::File(file) => found.push(file.clone()),
        }
    }
}

/// The head of a SKILL.md, which is a key and a text on each line; a test holds the skills to that.
fn frontmatter(text: &str) -> Option<SkillFrontmatter> {
    let head = text.strip_prefix("---\n")?.split_once("\n---\n")?.0;
    let mut fields: Vec<(&str, &str)> =
        head.lines().map(|it| it.split_once(": ")).collect::<Option<_>>()?;
    let mut take = |name: &str| {
        let at = fields.iter().position(|it| it.0 == name)?;
        Some(fields.remove(at).1)
    };
    let frontmatter = SkillFrontmatter::new(take("name")?, take("description")?);
    Some(fields.into_iter().fold(frontmatter, |all, (name, text)| all.with_field(name, text)))
}

#[cfg(test)]
mod tests {
    use rmcp::model::validate_skills;

    use super::*;

    #[test]
    fn every_folder_of_skills_is_served_whole() {
        let skills = list().skills;
        assert_eq!(skills.len(), SKILLS.dirs().count());
        assert!(validate_skills(&skills).is_ok());
        for skill in &skills {
            assert_eq!(skill.uri, format!("skill://{}/SKILL.md", skill.name()));
            let SkillResources::Files(files) = &skill.resources else { panic!("{skill:?}") };
            assert!(1 < files.len(), "{}: its references are missing", skill.uri);
            for file in files {
                let read = read(&file.uri).unwrap();
                let ResourceContents::TextResourceContents { text, .. } = &read.contents[0] else {
                    panic!("{read:?}")
                };
                file.verify(text.as_bytes()).unwrap();
            }
            assert_eq!(get(&skill.uri).unwrap().skill, *skill);
        }
        assert!(read("skill://verifying-a-port/../../Cargo.toml").is_none());
        assert!(get("skill://none/SKILL.md").unwrap_err().message.contains("verifying-a-port"));
    }
}
