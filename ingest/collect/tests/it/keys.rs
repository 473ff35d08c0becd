//! The key store: pseudonyms that stay, erasure that is final, crashes anywhere.

use collect::subjects::{KEYS_FILE, OpenSealedError, Subjects, Who};
use eventlog::disk::{Disk, SimDisk};
use proptest::prelude::*;
use records::seal::Sealed;
use records::{Fact, OrganizationId, Token};

use crate::support::{ACME, chance};

fn open(disk: &SimDisk, seed: u64) -> Subjects {
    Subjects::open(disk, chance(seed)).unwrap()
}

fn secret(text: &str) -> Sealed {
    Sealed { text: text.into(), ..Sealed::default() }
}

fn file(disk: &SimDisk) -> Vec<u8> {
    let mut bytes = Vec::new();
    let file = disk.open(KEYS_FILE).unwrap();
    file.read_at(0, usize::try_from(file.len().unwrap()).unwrap(), &mut bytes).unwrap();
    bytes
}

#[test]
fn a_subject_is_the_same_after_a_restart() {
    let disk = SimDisk::new(1);
    let subjects = open(&disk, 1);
    let ada = subjects.resolve(ACME, Who::User("ada"));
    let blob = subjects.seal(ACME, &ada, &secret("hello"));
    subjects.sync().unwrap();
    let address = subjects.token(ACME, "address", "192.0.2.1");
    drop(subjects);
    let subjects = open(&disk, 2);
    let again = subjects.resolve(ACME, Who::User("ada"));
    assert_eq!((again.subject, again.token, again.fresh), (ada.subject, ada.token, false));
    assert_eq!(subjects.open_sealed(ACME, ada.subject, &blob).unwrap(), secret("hello"));
    assert_eq!(subjects.token(ACME, "address", "192.0.2.1"), address);
    assert_eq!(subjects.opened().subjects, 1);
}

#[test]
fn roles_and_organizations_are_different_subjects() {
    let subjects = open(&SimDisk::new(1), 1);
    let mut tokens: Vec<Token> = [
        (ACME, Who::User("x")),
        (ACME, Who::Anonymous("x")),
        (ACME, Who::Unattributed),
        (OrganizationId(8), Who::User("x")),
    ]
    .into_iter()
    .map(|(organization, who)| subjects.resolve(organization, who).token)
    .collect();
    tokens.sort();
    tokens.dedup();
    assert_eq!(tokens.len(), 4);
}

#[test]
fn erasure_follows_links_and_leaves_nothing_on_the_disk() {
    let disk = SimDisk::new(1);
    let subjects = open(&disk, 1);
    let [ada, browser, phone, bob] =
        [Who::User("ada"), Who::Anonymous("browser"), Who::Anonymous("phone"), Who::User("bob")]
            .map(|who| subjects.resolve(ACME, who));
    subjects.link(browser.subject, ada.subject);
    subjects.link(phone.subject, browser.subject);
    let blob = subjects.seal(ACME, &phone, &secret("hello"));
    subjects.sync().unwrap();
    assert!(file(&disk).windows(32).any(|bytes| bytes == phone.key.0));

    let erasure = subjects.erase(ACME, "ada").unwrap().unwrap();
    assert_eq!(erasure.subjects, [ada.subject, browser.subject, phone.subject]);
    assert_eq!(erasure.tokens, [ada.token, browser.token, phone.token]);
    assert!(matches!(erasure.fact(), Fact::SubjectErased { .. }));
    assert_eq!(subjects.open_sealed(ACME, phone.subject, &blob), Err(OpenSealedError::Erased));
    subjects.announced(&erasure).unwrap();
    let bytes = file(&disk);
    for gone in [&ada, &browser, &phone] {
        assert!(!bytes.windows(32).any(|window| window == gone.key.0));
        assert!(!bytes.windows(8).any(|window| window == gone.token.0.to_le_bytes()));
    }
    // Somebody who returns is somebody new; others are untouched.
    let returned = subjects.resolve(ACME, Who::User("ada"));
    assert!(returned.fresh && returned.token != ada.token && returned.subject > phone.subject);
    subjects.sync().unwrap();
    let subjects = open(&disk, 2);
    assert_eq!(subjects.find(ACME, Who::User("bob")).unwrap().token, bob.token);
    assert_eq!(subjects.find(ACME, Who::User("ada")).unwrap().token, returned.token);
    assert_eq!((subjects.opened().links, subjects.pending_erasures().len()), (0, 0));
}

#[test]
fn an_erasure_that_was_not_announced_is_pending_after_a_restart() {
    let disk = SimDisk::new(1);
    let subjects = open(&disk, 1);
    let ada = subjects.resolve(ACME, Who::User("ada"));
    let erasure = subjects.erase_token(ACME, ada.token).unwrap().unwrap();
    drop(subjects);
    let subjects = open(&disk, 2);
    assert_eq!(subjects.pending_erasures(), std::slice::from_ref(&erasure));
    subjects.announced(&erasure).unwrap();
    assert!(open(&disk, 3).pending_erasures().is_empty());
    assert_eq!(subjects.erase(ACME, "nobody").unwrap(), None);
    assert_eq!(subjects.erase_token(ACME, Token::NONE).unwrap(), None);
}

#[test]
fn a_store_without_its_secret_does_not_open() {
    let disk = SimDisk::new(1);
    open(&disk, 1).resolve(ACME, Who::User("ada"));
    disk.remove(collect::subjects::SECRET_FILE).unwrap();
    assert!(Subjects::open(&disk, chance(2)).is_err());
}

#[cfg(unix)]
#[test]
fn files_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let subjects = Subjects::open_at(folder.path(), chance(1)).unwrap();
    subjects.resolve(ACME, Who::User("ada"));
    subjects.sync().unwrap();
    for name in [KEYS_FILE, collect::subjects::SECRET_FILE] {
        let mode = std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

/// One step of a life with crashes.
#[derive(Debug, Clone)]
enum Step {
    Resolve(u8),
    Link(u8, u8),
    Sync,
    Erase(u8),
    Announce,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0u8..6).prop_map(Step::Resolve),
        1 => (0u8..6, 0u8..6).prop_map(|(from, to)| Step::Link(from, to)),
        3 => Just(Step::Sync),
        2 => (0u8..6).prop_map(Step::Erase),
        1 => Just(Step::Announce),
    ];
    prop::collection::vec(step, 1..30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// A crash at any operation: what was synced is there, what was erased is not, an erasure is announced in the end.
    #[test]
    fn crashes_lose_no_key_and_revive_none(seed: u64, steps in steps(), crash in 0u64..60) {
        let disk = SimDisk::new(seed);
        let subjects = open(&disk, seed);
        disk.crash_at(eventlog::disk::SimOp::Any, crash);
        let (mut synced, mut made, mut erased, mut announced) =
            (std::collections::BTreeMap::new(), std::collections::BTreeMap::new(), Vec::new(), true);
        let mut maybe_erased = std::collections::BTreeSet::new();
        for step in steps {
            let outcome = match step {
                Step::Resolve(who) => {
                    made.insert(who, subjects.resolve(ACME, Who::User(&who.to_string())));
                    Ok(())
                }
                Step::Link(from, to) => {
                    if let (Some(from), Some(to)) = (made.get(&from), made.get(&to)) {
                        subjects.link(from.subject, to.subject);
                    }
                    Ok(())
                }
                Step::Sync => subjects.sync().map(|()| synced.clone_from(&made)),
                Step::Erase(who) => {
                    // Whatever happens in between, those may be gone from here on.
                    maybe_erased.extend(made.values().map(|person| person.subject));
                    subjects.erase(ACME, &who.to_string()).map(|erasure| {
                        synced.clone_from(&made);
                        if let Some(erasure) = erasure {
                            announced = false;
                            let gone = |person: &collect::subjects::Person| erasure.subjects.contains(&person.subject);
                            erased.extend(made.values().filter(|person| gone(person)).cloned());
                            made.retain(|_, person| !gone(person));
                            synced.retain(|_, person| !gone(person));
                        }
                        maybe_erased.clear();
                    })
                }
                Step::Announce => subjects.pending_erasures().iter().try_for_each(|erasure| {
                    announced = true;
                    subjects.announced(erasure)
                }),
            };
            if outcome.is_err() {
                break;
            }
        }
        disk.restart();
        let subjects = open(&disk, seed ^ 1);
        for (who, person) in &synced {
            let found = subjects.find(ACME, Who::User(&who.to_string()));
            prop_assert!(
                found.is_some_and(|found| found.key == person.key && found.token == person.token)
                    || maybe_erased.contains(&person.subject)
            );
        }
        let bytes = file(&disk);
        for person in &erased {
            prop_assert_eq!(subjects.key_of(person.subject), None);
            prop_assert!(!bytes.windows(32).any(|window| window == person.key.0), "the key is still on the disk");
        }
        prop_assert!(announced || !subjects.pending_erasures().is_empty());
        let fresh = subjects.resolve(ACME, Who::User("new"));
        prop_assert!(erased.iter().chain(synced.values()).all(|person| person.subject != fresh.subject));
    }
}
