//! Whether analysts' own clients can be served.

use warehouse::{Client, Endpoint, analysts};

use super::Finding::{self, Bad, Good, Warning};
use super::{ANSWER_WITHIN, WarehouseChoice};
use crate::settings::Settings;

pub(super) fn analysts(settings: &Settings) -> Finding {
    let Some(address) = settings.sql_listen else {
        return Good("their endpoint is off; `--sql-listen 127.0.0.1:8124` serves it".into());
    };
    match &settings.warehouse {
        WarehouseChoice::None => {
            Bad(format!("{address} needs a warehouse, and `warehouse` is `none`"), "choose a warehouse".into())
        }
        WarehouseChoice::Embedded => Good(format!("served at {address}")),
        WarehouseChoice::Server(server) => match Endpoint::parse(server) {
            Ok(endpoint) => rights(endpoint),
            Err(error) => Bad(error.to_string(), "correct `warehouse`".into()),
        },
    }
}

/// A server of somebody else's may not let us make accounts.
fn rights(endpoint: Endpoint) -> Finding {
    let user = endpoint.user.clone();
    let client = Client::server(endpoint);
    let asked = tokio::runtime::Builder::new_current_thread().enable_all().build().map(|runtime| {
        runtime.block_on(async { tokio::time::timeout(ANSWER_WITHIN, analysts::lacking_rights(&client)).await })
    });
    match asked {
        Ok(Ok(Ok(lacking))) if lacking.is_empty() => Good(format!("`{user}` may make their accounts")),
        Ok(Ok(Ok(lacking))) => Bad(
            format!("`{user}` may not make their accounts: it lacks {}", lacking.join(", ")),
            format!("`GRANT {} ON *.* TO {user} WITH GRANT OPTION`, or leave `sql_listen` empty", lacking.join(", ")),
        ),
        _ => Warning("not known: the server was not asked".into(), "see `warehouse` above"),
    }
}
