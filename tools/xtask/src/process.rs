//! Running another program with its output in sight.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process_group};

/// Runs `command` to its end, its output going where ours goes.
///
/// # Errors
/// When it cannot be started, or does not succeed.
pub fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = status(command)?;
    anyhow::ensure!(status.success(), "`{}` failed: {status}", shown(command));
    Ok(())
}

/// As [`run`], for a program that says itself why it failed.
///
/// # Errors
/// When it cannot be started.
pub fn status(command: &mut Command) -> anyhow::Result<ExitStatus> {
    command
        .status()
        .with_context(|| format!("cannot start {}", program(command)))
}

/// As [`run`], but shows the command first: for what nobody asked for and takes its time.
///
/// # Errors
/// As [`run`].
pub fn run_announced(command: &mut Command) -> anyhow::Result<()> {
    eprintln!("{}", shown(command));
    run(command)
}

/// Whether `command` can be started and succeeds; nothing of its output is shown.
pub fn succeeds(command: &mut Command) -> bool {
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Whether there is such a program, by the argument that nearly all of them take.
pub fn is_installed(program: impl AsRef<OsStr>) -> bool {
    succeeds(Command::new(program).arg("--version"))
}

/// Runs `command` to its end, copies its standard output to `shown` while it runs, and hands each
/// line of it to `on_line`.
///
/// # Errors
/// When it cannot be started, or its output cannot be read or copied.
pub fn run_observed(
    command: &mut Command,
    shown: &mut impl Write,
    mut on_line: impl FnMut(&str),
) -> anyhow::Result<ExitStatus> {
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", program(command)))?;
    if let Some(stdout) = child.stdout.take() {
        let mut stdout = BufReader::new(stdout);
        let mut line = Vec::new();
        while stdout
            .read_until(b'\n', &mut line)
            .context("cannot read its output")?
            > 0
        {
            shown
                .write_all(&line)
                .and_then(|()| shown.flush())
                .context("cannot show its output")?;
            on_line(String::from_utf8_lossy(&line).trim_end());
            line.clear();
        }
    }
    child.wait().context("cannot wait for its end")
}

/// The process group of a child that was started as the first of its own.
#[must_use]
pub fn group_of(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

/// Sends `signal` to the group that `child` leads, and tells whether `child` ends within `limit`.
pub fn ends_in_time(child: &mut Child, group: Pid, signal: Signal, limit: Duration) -> bool {
    // Fails only when nobody of the group is left.
    let _ = kill_process_group(group, signal);
    let asked = Instant::now();
    while matches!(child.try_wait(), Ok(None)) {
        if asked.elapsed() > limit {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    true
}

/// `command` as one would type it: environment, program, arguments.
pub fn shown(command: &Command) -> String {
    let environment = command.get_envs().filter_map(|(name, value)| {
        value.map(|value| format!("{}={}", name.display(), quoted(value)))
    });
    let words = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(quoted);
    environment.chain(words).collect::<Vec<_>>().join(" ")
}

fn program(command: &Command) -> String {
    command.get_program().display().to_string()
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain =
        |character: char| character.is_ascii_alphanumeric() || "-_./:=,+".contains(character);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_ready_to_be_pasted_into_a_shell() {
        let mut command = Command::new("cargo");
        command
            .args(["test", "it's here"])
            .env("RUSTFLAGS", "-L native=/usr/lib");

        assert_eq!(
            shown(&command),
            r"RUSTFLAGS='-L native=/usr/lib' cargo test 'it'\''s here'"
        );
    }

    #[test]
    fn each_line_of_a_programs_output_is_observed_and_its_status_told() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; printf two; exit 3"]);
        let (mut shown, mut lines) = (Vec::new(), Vec::new());

        let status =
            run_observed(&mut command, &mut shown, |line| lines.push(line.to_owned())).unwrap();

        assert_eq!(shown, b"one\ntwo");
        assert_eq!(lines, ["one", "two"]);
        assert_eq!(status.code(), Some(3));
    }

    #[test]
    fn a_program_succeeds_when_it_starts_and_ends_well() {
        assert!(succeeds(&mut Command::new("true")));
        assert!(!succeeds(&mut Command::new("false")));
        assert!(!succeeds(&mut Command::new("no-such-program")));
    }

    #[test]
    fn a_program_that_does_not_exist_is_named() {
        let error = run(&mut Command::new("no-such-program"))
            .unwrap_err()
            .to_string();

        assert!(error.contains("no-such-program"), "{error}");
    }
}
