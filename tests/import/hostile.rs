//! What somebody tries who stands beside the importer, or in its way.

use std::os::unix::fs::symlink;
use std::path::PathBuf;

use super::program::{Ended, Workshop};
use crate::harness::endless::{BUFFERED, Endless};
use crate::harness::images::gif;
use crate::harness::tls::{AUTHORITY, Authority, TlsFront};
use crate::harness::{ScriptedStorage, Step};

#[test]
fn a_link_that_leads_out_of_a_folder_publishes_nothing() {
    let workshop = Workshop::new();
    let private = workshop.write("../private.gif", &gif("private", 1000));
    workshop.write("own.gif", &gif("own", 1000));
    symlink("own.gif", workshop.images().join("again.gif")).unwrap();
    let link = workshop.images().join("link.gif");
    symlink("../private.gif", &link).unwrap();

    let ended = workshop.import(&["--json"], &[&workshop.images()]);

    ended.assert_code(1);
    let said = format!(
        "refused: {} is a link that leads out of the folder",
        link.display()
    );
    assert!(ended.stderr.contains(&said), "{}", ended.stderr);
    assert_eq!(workshop.app.records().len(), 1);
    workshop.import(&[], &[&link]).assert_code(0);
    workshop.import(&[], &[&private]).assert_code(0);
    assert_eq!(workshop.app.records().len(), 2);
}

#[test]
fn a_proxy_of_the_environment_sees_no_token_that_stays_on_this_machine() {
    let workshop = Workshop::new();
    let file = workshop.write("a.gif", &gif("a", 1000));
    let proxy = ScriptedStorage::start([]);
    let mut command = workshop.command(&[], &[&file]);
    for variable in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env(variable, proxy.endpoint());
    }
    command.env_remove("no_proxy").env_remove("NO_PROXY");

    let ended = Ended::of(command.output().unwrap());

    ended.assert_code(0);
    assert_eq!(proxy.connections(), 0);
    assert_eq!(ended.stderr.find("warning"), None, "{}", ended.stderr);
}

#[test]
fn a_token_that_leaves_this_machine_unencrypted_is_warned_of() {
    let workshop = Workshop::new();
    let file = workshop.write("a.gif", &gif("a", 1000));
    let mut command = workshop.command(&[], &[&file]);
    // Nobody has to know this host: requests go this way.
    command
        .env("IMAGE_PROXY_RECORDS", "http://images.example")
        .env("http_proxy", workshop.app.origin());

    let ended = Ended::of(command.output().unwrap());

    ended.assert_code(0);
    let warning = "warning: the token goes to http://images.example/ unencrypted";
    assert!(ended.stderr.contains(warning), "{}", ended.stderr);
    assert_eq!(workshop.app.records().len(), 1);
}

#[test]
fn a_server_that_nobody_vouches_for_is_shown_neither_token_nor_image() {
    let workshop = Workshop::new();
    let file = workshop.write("a.gif", &gif("a", 1000));
    let trusted = workshop.folder.path().join("authority.pem");
    AUTHORITY.write_certificate(&trusted);
    let stranger = Authority::named("Nobody's authority");
    let here = &["127.0.0.1"][..];
    for identity in [
        stranger.certify(here),
        AUTHORITY.certify(&["images.example"]),
        AUTHORITY.certify_until(2020, here),
    ] {
        let server = ScriptedStorage::start([]);
        let authority = server.endpoint().trim_start_matches("http://").to_owned();
        let front = TlsFront::start(&identity, &authority);
        for variable in ["IMAGE_PROXY_RECORDS", "SPIN_VARIABLE_S3_ENDPOINT"] {
            let mut command = workshop.command(&[], &[&file]);
            command
                .env(variable, front.endpoint())
                .env("SSL_CERT_FILE", &trusted);

            let ended = Ended::of(command.output().unwrap());

            ended.assert_code(1);
            assert!(ended.stderr.contains("cannot reach"), "{}", ended.stderr);
        }
        assert_eq!(server.connections(), 0);
    }

    let app = workshop.app.address();
    let front = TlsFront::start(&AUTHORITY.certify(here), app);
    let mut command = workshop.command(&[], &[&file]);
    command
        .env("IMAGE_PROXY_RECORDS", front.endpoint())
        .env("SSL_CERT_FILE", &trusted);
    Ended::of(command.output().unwrap()).assert_code(0);
}

#[test]
fn a_redirect_takes_neither_token_nor_signature_anywhere() {
    let workshop = Workshop::new();
    let file = workshop.write("a.gif", &gif("a", 1000));
    let other = ScriptedStorage::start([]);
    let location = format!("Location: {}/\r\n", other.endpoint());
    for status in [301, 302, 303, 307, 308] {
        for variable in ["IMAGE_PROXY_RECORDS", "SPIN_VARIABLE_S3_ENDPOINT"] {
            let server = ScriptedStorage::start(vec![Step::status(status, &location); 4]);
            let mut command = workshop.command(&[], &[&file]);
            command.env(variable, server.endpoint());

            let ended = Ended::of(command.output().unwrap());

            ended.assert_code(1);
        }
    }
    assert_eq!(other.connections(), 0);
    assert!(workshop.app.records().is_empty());
}

#[test]
fn an_error_without_an_end_is_not_read_to_it() {
    let workshop = Workshop::new();
    let file = workshop.write("a.gif", &gif("a", 1000));
    for variable in ["IMAGE_PROXY_RECORDS", "SPIN_VARIABLE_S3_ENDPOINT"] {
        let server = Endless::start();
        let mut command = workshop.command(&[], &[&file]);
        command.env(variable, server.endpoint());

        let ended = Ended::of(command.output().unwrap());

        ended.assert_code(1);
        let taken = server.taken();
        assert!(taken < BUFFERED, "{variable}: {taken} bytes");
    }
    assert!(workshop.app.records().is_empty());
}

#[test]
fn a_file_name_steers_no_terminal_as_json_either() {
    let workshop = Workshop::new();
    let name = "a\u{1b}[31m\u{9b}31m\u{202e}\u{61c}\u{e0041}.gif";
    let file = workshop.write(name, &gif("a", 100));

    let ended = workshop.import(&["--json"], &[&workshop.images()]);

    ended.assert_code(0);
    let is_safe = |c: char| c == '\n' || c.is_ascii_graphic() || c == ' ';
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert!(said.chars().all(is_safe), "{said:?}");
    let (objects, _) = ended.objects();
    assert_eq!(objects[0]["path"].as_str().map(PathBuf::from), Some(file));
}
