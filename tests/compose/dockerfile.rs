//! `deploy/Dockerfile`, as far as a container is told by it, and what `.dockerignore` lets it have.

use std::path::Path;

use serde_json::Value;

/// The stages, first to last.
pub struct Dockerfile(Vec<Stage>);

/// What one `FROM` begins.
pub struct Stage {
    pub base: String,
    name: String,
    /// Each with its keyword.
    instructions: Vec<(String, String)>,
}

impl Dockerfile {
    /// In its own, regular form: a keyword, a space, the rest.
    pub fn parse(text: &str) -> Self {
        let lines: Vec<_> = text
            .lines()
            .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
            .collect();
        let text = lines.join("\n").replace("\\\n", " ");
        let mut stages: Vec<Stage> = Vec::new();
        for line in text.lines() {
            let (keyword, rest) = line.split_once(' ').unwrap();
            if keyword == "FROM" {
                let (base, name) = rest.split_once(" AS ").unwrap();
                stages.push(Stage {
                    base: base.into(),
                    name: name.into(),
                    instructions: Vec::new(),
                });
            } else {
                let stage = stages.last_mut().unwrap();
                stage.instructions.push((keyword.into(), rest.into()));
            }
        }
        Self(stages)
    }

    pub fn stages(&self) -> &[Stage] {
        &self.0
    }

    pub fn stage(&self, name: &str) -> Option<&Stage> {
        self.0.iter().find(|stage| stage.name == name)
    }
}

impl Stage {
    fn all<'a>(&'a self, keyword: &'a str) -> impl Iterator<Item = &'a str> {
        let instructions = self.instructions.iter();
        instructions
            .filter(move |(known, _)| known == keyword)
            .map(|(_, rest)| rest.as_str())
    }

    pub fn user(&self) -> Option<&str> {
        self.all("USER").last()
    }

    /// The words of `ENTRYPOINT` and `CMD`.
    pub fn command(&self) -> Vec<String> {
        let lists = ["ENTRYPOINT", "CMD"]
            .into_iter()
            .flat_map(|of| self.all(of));
        lists
            .flat_map(|list| serde_json::from_str::<Vec<String>>(list).unwrap())
            .collect()
    }

    pub fn environment(&self) -> impl Iterator<Item = (&str, &str)> {
        self.all("ENV")
            .map(|variable| variable.split_once('=').unwrap())
    }

    /// Where each path of the checkout is in the image, as it is written.
    pub fn copies(&self) -> impl Iterator<Item = (&str, &str)> {
        self.all("COPY")
            .filter(|copy| !copy.starts_with("--from="))
            .map(|copy| copy.split_once(' ').unwrap())
    }
}

/// `.dockerignore`, of three forms: `*`, `!path` and then `path`.
pub struct Ignored {
    sent: Vec<String>,
    left_out: Vec<String>,
}

impl Ignored {
    pub fn parse(text: &str) -> Self {
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(lines[0], "*", "what is not named is not sent");
        let (sent, left_out): (Vec<_>, Vec<_>) =
            lines[1..].iter().partition(|line| line.starts_with('!'));
        let paths = |lines: Vec<&str>| {
            let paths = lines.iter().map(|line| line.trim_start_matches('!'));
            paths.map(str::to_owned).collect::<Vec<_>>()
        };
        let (sent, left_out) = (paths(sent), paths(left_out));
        assert!(sent.iter().all(|path| !path.contains('*')));
        Self { sent, left_out }
    }

    /// What is sent, with what is in it.
    pub fn sent(&self) -> &[String] {
        &self.sent
    }

    /// Whether Docker is sent this path of the checkout.
    pub fn sends(&self, path: &str) -> bool {
        let is_within = |folder: &String| Path::new(path).starts_with(folder);
        self.sent.iter().any(is_within) && !self.left_out.iter().any(is_within)
    }
}

/// Text of a list that may be one word.
pub fn words(value: &Value) -> Vec<String> {
    let list = value.as_array().into_iter().flatten();
    list.map(|word| word.as_str().unwrap().to_owned()).collect()
}
