//! Erased values leave the warehouse's files, not only its answers.

use std::path::Path;
use std::sync::Arc;

use records::seal::Sealed;
use records::{Batch, Kind, OrganizationId, Record, Timestamp, Token};
use warehouse::erase::{Erasure, erase};
use warehouse::landing::{Lander, LanderConfig, LandingEpoch, cut, recover};
use warehouse::migrate::migrate;
use warehouse::raw::{RecordFrame, records_batch};
use warehouse::schema::records_table;

use crate::support::{PATIENCE, number, start};

/// Values without repeats or common parts, so that compression leaves them readable where they are first written.
const ERASED: &str = "Wq7zXk2VtRbNp";
const KEPT: &str = "Jf5yHc8MdGsLx";

fn record(actor: u64, message: &str) -> Record {
    Record {
        organization: OrganizationId::parse("acme").unwrap(),
        actor: Token(actor),
        subject: actor,
        message: records::MessageId::parse(message).unwrap(),
        event_time: Timestamp(1_700_000_000_000_000),
        sealed: vec![1].into(),
        ..Record::new(Kind::Page)
    }
}

fn open(_: OrganizationId, subject: u64, _: &[u8]) -> Option<Sealed> {
    let mut sealed = Sealed::default();
    sealed.properties.insert("nickname".to_owned(), if subject == 7 { ERASED } else { KEPT }.into());
    Some(sealed)
}

fn files_with(needle: &str, folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(needle, &path));
        } else if std::fs::read(&path)
            .is_ok_and(|bytes| bytes.windows(needle.len()).any(|window| window == needle.as_bytes()))
        {
            found.push(path);
        }
    }
    found
}

#[tokio::test]
async fn erased_properties_leave_every_file_and_counts_stay() {
    let root = tempfile::tempdir().unwrap();
    let (engine, client) = start(root.path()).await;
    migrate(&client, &[records_table()]).await.unwrap();
    let recovery = recover(&client, "records", 1, &[records_table()]).await.unwrap();
    let lander = Lander::start(client.clone(), recovery, &LanderConfig::default());
    for epoch in 1..=3 {
        let records = [record(7, &format!("a{epoch}")), record(8, &format!("b{epoch}"))];
        let frame = RecordFrame {
            log_time: Timestamp(1_700_000_000_000_000 + i64::try_from(epoch).unwrap()),
            partition: 0,
            first: epoch * 2,
            batch: Arc::new(Batch::from_records(&records)),
            rows: vec![0, 1],
        };
        let chunks = cut(&records_table(), &records_batch(&[frame], &open).unwrap(), epoch, 0).unwrap();
        lander.land(LandingEpoch { landing_epoch: epoch, chunks }).await.unwrap();
    }
    lander.stop(PATIENCE).await;
    // A merge, so that the values are in parts of several generations.
    client.execute("OPTIMIZE TABLE records FINAL").await.unwrap();
    let with_nickname = format!("SELECT count() FROM records WHERE properties['nickname'] = '{ERASED}'");
    assert_eq!(number(&client, &with_nickname).await, 3);
    assert!(!files_with(ERASED, root.path()).is_empty(), "the sweep must be able to find what it looks for");

    let refused = format!("SELECT nothing FROM records WHERE properties['nickname'] = '{ERASED}'");
    assert_eq!(client.execute(&refused).await.unwrap_err().code(), Some(47));

    let erasure = Erasure { organization: "acme".to_owned(), actors: vec![7], subjects: vec![7] };
    erase(&client, &erasure).await.unwrap();
    assert_eq!(files_with(ERASED, root.path()), Vec::<std::path::PathBuf>::new());
    assert!(!files_with(KEPT, root.path()).is_empty(), "other people's values stay");
    assert_eq!(number(&client, "SELECT count() FROM records").await, 6);
    assert_eq!(number(&client, "SELECT countIf(empty(properties)) FROM records WHERE actor = 7").await, 3);
    erase(&client, &erasure).await.unwrap();
    engine.stop().await;
    assert_eq!(files_with(ERASED, root.path()), Vec::<std::path::PathBuf>::new(), "nor does stopping write it again");
}
