//! The guide's commands of tools that this machine need not have: verbs, flags and arguments.

use std::collections::BTreeSet;

use super::{commands, guide};

/// A verb as its tool defines it.
struct Verb {
    /// The tool and the verb, as they are typed.
    words: &'static str,
    /// How many words follow that are no flag's.
    arguments: usize,
    /// The flags without which it fails. One that takes a value ends with `=`.
    needs: &'static [&'static str],
    /// Its other flags that the guide may use.
    may: &'static [&'static str],
}

const fn verb(
    words: &'static str,
    arguments: usize,
    needs: &'static [&'static str],
    may: &'static [&'static str],
) -> Verb {
    Verb {
        words,
        arguments,
        needs,
        may,
    }
}

/// Tools that have verbs only in the next word.
const TOOLS: [&str; 4] = ["spin", "spin aka", "spin cloud", "spin kube"];

const VERBS: [Verb; 21] = [
    // Spin 4.0.2.
    verb("spin build", 0, &[], &["--from=", "--up"]),
    verb("spin plugin install", 1, &[], &["--yes"]),
    verb(
        "spin registry login",
        1,
        &[],
        &["--username=", "--password-stdin"],
    ),
    verb(
        "spin registry push",
        1,
        &[],
        &["--build", "--from=", "--insecure"],
    ),
    verb(
        "spin up",
        0,
        &[],
        &[
            "--build",
            "--from=",
            "--listen=",
            "--runtime-config-file=",
            "--sqlite=",
            "--variable=",
        ],
    ),
    // aka 0.7.
    verb(
        "spin aka deploy",
        0,
        &[],
        &["--build", "--variable=", "--no-confirm", "--create-name="],
    ),
    verb("spin aka login", 0, &[], &["--token="]),
    verb(
        "spin aka logs",
        0,
        &[],
        &["--tail=", "--since=", "--region="],
    ),
    // cloud 0.11.0.
    verb(
        "spin cloud deploy",
        0,
        &[],
        &[
            "--build",
            "--link=",
            "--variable=",
            "--key-value=",
            "--from=",
        ],
    ),
    verb("spin cloud login", 0, &[], &["--token="]),
    verb(
        "spin cloud logs",
        1,
        &[],
        &["--follow", "--tail=", "--since="],
    ),
    verb("spin cloud sqlite create", 1, &[], &[]),
    verb("spin cloud sqlite execute", 1, &["--database="], &[]),
    verb("spin cloud variables set", 1, &["--app="], &[]),
    verb("spin cloud variables list", 0, &["--app="], &[]),
    verb("spin cloud variables delete", 1, &["--app="], &[]),
    // kube 0.4.0.
    verb(
        "spin kube scaffold",
        0,
        &["--from="],
        &[
            "--out=",
            "--replicas=",
            "--runtime-config-file=",
            "--variable=",
        ],
    ),
    verb("spin kube deploy", 0, &["--from="], &["--replicas="]),
    // Helm 3 and 4; the chart is named after the release.
    verb(
        "helm upgrade",
        2,
        &["--install", "--namespace="],
        &[
            "--create-namespace",
            "--version=",
            "--wait",
            "--set=",
            "--repo=",
        ],
    ),
    // kind 0.31.
    verb(
        "kind create cluster",
        0,
        &["--image="],
        &["--name=", "--config=", "--wait="],
    ),
    verb("kind delete cluster", 0, &["--name="], &[]),
];

#[test]
fn every_command_of_the_guide_has_the_verbs_flags_and_arguments_of_its_tool() {
    let lines: Vec<_> = ["spin ", "helm ", "kind "]
        .into_iter()
        .flat_map(commands)
        .collect();
    let named: Vec<_> = commands_in_prose();
    assert!(lines.len() > 15, "{lines:?}");
    assert!(named.len() > 1, "{named:?}");

    for line in lines {
        assert_eq!(check(&line, true), Ok(()), "{line}");
    }
    for line in named {
        assert_eq!(check(&line, false), Ok(()), "{line}");
    }
}

#[test]
fn a_command_that_its_tool_would_refuse_is_found() {
    let refused = [
        ("spin akka login", "there is no such verb"),
        (
            "spin cloud sqlite exec --database x y",
            "there is no such verb",
        ),
        ("spin aka deploy --biuld", "there is no --biuld"),
        (
            "spin cloud deploy --variables a=b",
            "there is no --variables",
        ),
        (
            "spin cloud sqlite execute image-proxy @migrations/0001_images.sql",
            "--database is missing",
        ),
        ("spin cloud sqlite create", "0 arguments, not 1"),
        ("spin cloud variables set --app", "--app has no value"),
        ("spin aka deploy settings.toml", "1 arguments, not 0"),
        (
            "helm upgrade --install spin-operator --namespace spin-operator",
            "1 arguments, not 2",
        ),
    ];

    for (line, reason) in refused {
        assert_eq!(check(line, true), Err(reason.to_owned()), "{line}");
    }
}

/// What the tool would say of it. `is_whole`: nothing of it is left to the reader.
fn check(line: &str, is_whole: bool) -> Result<(), String> {
    let is_of = |verb: &&Verb| {
        let rest = line.strip_prefix(verb.words);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    };
    let verb = VERBS.iter().find(is_of).ok_or("there is no such verb")?;
    let mut given = BTreeSet::new();
    let mut arguments = 0;
    let mut words = line[verb.words.len()..].split_whitespace();
    while let Some(word) = words.next() {
        if !word.starts_with('-') {
            arguments += 1;
            continue;
        }
        let flag = flag_of(verb, word).ok_or_else(|| format!("there is no {word}"))?;
        if flag.ends_with('=') && words.next().is_none() {
            return Err(format!("{word} has no value"));
        }
        given.insert(flag);
    }
    if !is_whole {
        return Ok(());
    }
    if let Some(flag) = verb.needs.iter().find(|flag| !given.contains(*flag)) {
        return Err(format!("{} is missing", flag.trim_end_matches('=')));
    }
    if arguments != verb.arguments {
        return Err(format!("{arguments} arguments, not {}", verb.arguments));
    }
    Ok(())
}

fn flag_of(verb: &Verb, word: &str) -> Option<&'static str> {
    let mut flags = verb.needs.iter().chain(verb.may);
    flags
        .find(|flag| flag.trim_end_matches('=') == word)
        .copied()
}

/// Those in the midst of a sentence.
fn commands_in_prose() -> Vec<String> {
    let guide = guide();
    let spans = guide
        .lines()
        .flat_map(|line| line.split('`').skip(1).step_by(2));
    spans
        .filter(|span| span.starts_with("spin ") && !TOOLS.contains(span))
        .map(str::to_owned)
        .collect()
}
