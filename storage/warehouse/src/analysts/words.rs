//! Functions that analysts may not call.

/// Functions that tell about the machine, its files or the installation, or that reach other machines. They can be named
/// without a call (`arrayMap(file, paths)`), so the bare name is refused. In lower case, sorted.
///
/// `file` is the reason for this list: the engine's library reads any file of the machine with it and asks for no right.
pub(super) const FUNCTIONS: &[&str] = &[
    "addresstoline",
    "addresstolinewithinlines",
    "addresstosymbol",
    "aiclassify",
    "aiembed",
    "aiextract",
    "aigenerate",
    "aitranslate",
    "buildid",
    "catboostevaluate",
    "demangle",
    "displayname",
    "eval",
    "evalmlmethod",
    "file",
    "filesystemavailable",
    "filesystemcapacity",
    "filesystemfree",
    "filesystemunreserved",
    "fqdn",
    "fullhostname",
    "fuzzquery",
    "generateserialid",
    "getclienthttpheader",
    "getmacro",
    "getmergetreesetting",
    "getoskernelversion",
    "getserverport",
    "getserversetting",
    "hascolumnintable",
    "hasthreadfuzzer",
    "hostname",
    "ismergetreepartcoveredby",
    "joinget",
    "joingetornull",
    "logtrace",
    "mergetreepartinfo",
    "naivebayesclassifier",
    "naivebayesclassifierwithallprobs",
    "naivebayesclassifierwithprob",
    "serveruuid",
    "showcertificate",
    "tcpport",
    "tid",
    "transactionid",
    "transactionlatestsnapshot",
    "transactionoldestsnapshot",
    "uptime",
    "zookeepersessionuptime",
];

/// What names of refused functions begin with: dictionaries, of which there are none.
pub(super) const FUNCTION_PREFIXES: &[&str] =
    &["dictget", "dicthas", "dictisin", "regionhierarchy", "regionin", "regionto"];

/// Table functions that make rows of nothing. Others are refused where a `(` follows their name.
pub(super) const HARMLESS_TABLE_FUNCTIONS: &[&str] = &[
    "generate_series",
    "generateseries",
    "null",
    "numbers",
    "numbers_mt",
    "primes",
    "sqlstandardvalues",
    "values",
    "view",
    "zeros",
    "zeros_mt",
];

/// Table functions of the engine that are refused. In lower case, sorted; a test compares it with the engine.
/// `format` is not among them: it is a function of texts as well, and as a table function the engine refuses it.
pub(super) const TABLE_FUNCTIONS: &[&str] = &[
    "arrowflight",
    "arrowstream",
    "azureblobstorage",
    "azureblobstoragecluster",
    "bigquery",
    "chdb",
    "cluster",
    "clusterallreplicas",
    "cosn",
    "deltalake",
    "deltalakeazure",
    "deltalakeazurecluster",
    "deltalakecluster",
    "deltalakelocal",
    "deltalakes3",
    "deltalakes3cluster",
    "dictionary",
    "eval",
    "executable",
    "file",
    "filecluster",
    "filesystem",
    "fuzzjson",
    "fuzzquery",
    "gcs",
    "generaterandom",
    "hdfs",
    "hdfscluster",
    "hive",
    "hudi",
    "hudicluster",
    "iceberg",
    "icebergazure",
    "icebergazurecluster",
    "icebergcluster",
    "iceberghdfs",
    "iceberghdfscluster",
    "iceberglocal",
    "iceberglocalcluster",
    "icebergs3",
    "icebergs3cluster",
    "input",
    "jdbc",
    "loop",
    "merge",
    "mergetreeanalyzeindexes",
    "mergetreeanalyzeindexesuuid",
    "mergetreeindex",
    "mergetreeparts",
    "mergetreeprojection",
    "mergetreetextindex",
    "mongodb",
    "mysql",
    "odbc",
    "oss",
    "paimon",
    "paimonazure",
    "paimonazurecluster",
    "paimoncluster",
    "paimonhdfs",
    "paimonhdfscluster",
    "paimonlocal",
    "paimonlocalcluster",
    "paimons3",
    "paimons3cluster",
    "postgresql",
    "prometheusquery",
    "prometheusqueryrange",
    "python",
    "redis",
    "remote",
    "remotesecure",
    "s3",
    "s3cluster",
    "sqlite",
    "timeseriesdata",
    "timeseriesmetrics",
    "timeseriessamples",
    "timeseriesselector",
    "timeseriestags",
    "url",
    "urlcluster",
    "viewexplain",
    "viewifpermitted",
    "ytsaurus",
];

/// Whether a name is a function that is refused wherever it stands.
pub(super) fn is_refused(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    FUNCTIONS.binary_search(&name.as_str()).is_ok() || FUNCTION_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Whether analysts may call a table function; none for one that nobody has judged yet, which is not refused here.
pub fn takes_table_function(name: &str) -> Option<bool> {
    let name = name.to_ascii_lowercase();
    let harmless = HARMLESS_TABLE_FUNCTIONS.contains(&name.as_str());
    (harmless || name == "format" || is_refused_table(&name)).then_some(harmless)
}

/// Whether a name is a table function that is refused.
pub(super) fn is_refused_table(name: &str) -> bool {
    TABLE_FUNCTIONS.binary_search(&name.to_ascii_lowercase().as_str()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted_for_the_search() {
        assert!(FUNCTIONS.is_sorted() && TABLE_FUNCTIONS.is_sorted());
        assert!(is_refused("hostName") && is_refused("dictGetString") && !is_refused("files"));
    }
}
