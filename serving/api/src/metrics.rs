//! Metrics: a small registry of counters and gauges, shown as Prometheus text (exposition format 0.0.4).
//!
//! Values are atomics that their owners keep; what is cheaper to ask for than to keep up to date (sizes, lags) is
//! read when somebody scrapes, by a collector.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use std::sync::Mutex;

/// A number that only grows.
#[derive(Debug, Clone, Default)]
pub struct Counter(Arc<AtomicU64>);

impl Counter {
    /// Adds `amount`.
    pub fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    /// The count so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What kind of metric a family is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
}

/// One scrape's worth of values.
#[derive(Debug, Default)]
pub struct Exposition {
    families: BTreeMap<&'static str, Family>,
}

#[derive(Debug)]
struct Family {
    kind: Type,
    help: &'static str,
    values: Vec<(String, f64)>,
}

impl Exposition {
    /// Adds one value of a family, under labels such as `[("view", "leaderboards")]`.
    pub fn value(&mut self, kind: Type, name: &'static str, help: &'static str, labels: &[(&str, &str)], value: f64) {
        let family = self.families.entry(name).or_insert(Family { kind, help, values: Vec::new() });
        family.values.push((label_text(labels), value));
    }

    /// Adds a gauge's value.
    pub fn gauge(&mut self, name: &'static str, help: &'static str, labels: &[(&str, &str)], value: f64) {
        self.value(Type::Gauge, name, help, labels, value);
    }

    /// Adds a counter's value.
    #[expect(clippy::cast_precision_loss, reason = "Prometheus keeps doubles; counts stay far below 2^53")]
    pub fn counter(&mut self, name: &'static str, help: &'static str, labels: &[(&str, &str)], value: u64) {
        self.value(Type::Counter, name, help, labels, value as f64);
    }

    /// The text that Prometheus reads.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for (name, Family { kind, help, values }) in &self.families {
            let kind = if *kind == Type::Counter { "counter" } else { "gauge" };
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
            for (labels, value) in values {
                let _ = writeln!(out, "{name}{labels} {value}");
            }
        }
        out
    }
}

fn label_text(labels: &[(&str, &str)]) -> String {
    if labels.is_empty() {
        return String::new();
    }
    let pairs: Vec<String> = labels
        .iter()
        .map(|(name, value)| {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            format!("{name}=\"{value}\"")
        })
        .collect();
    format!("{{{}}}", pairs.join(","))
}

type Collector = Box<dyn Fn(&mut Exposition) + Send + Sync>;

struct Kept {
    name: &'static str,
    help: &'static str,
    labels: Vec<(&'static str, String)>,
    counter: Counter,
}

/// Where metrics are registered and read.
#[derive(Default)]
pub struct Registry {
    kept: Mutex<Vec<Kept>>,
    collectors: Mutex<Vec<Collector>>,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry").finish_non_exhaustive()
    }
}

impl Registry {
    /// Registers a counter, or returns the one that has this name and these labels.
    ///
    /// # Panics
    /// When another thread panicked while it held the registry, which no code under its lock can do.
    pub fn counter(&self, name: &'static str, help: &'static str, labels: &[(&'static str, &str)]) -> Counter {
        let labels: Vec<(&'static str, String)> = labels.iter().map(|(key, value)| (*key, (*value).into())).collect();
        let mut kept = self.kept.lock().expect("nothing panics under the lock");
        if let Some(known) = kept.iter().find(|known| known.name == name && known.labels == labels) {
            return known.counter.clone();
        }
        let counter = Counter::default();
        kept.push(Kept { name, help, labels, counter: counter.clone() });
        counter
    }

    /// Registers something that adds values at each scrape.
    ///
    /// # Panics
    /// As [`Registry::counter`].
    pub fn collector(&self, collector: impl Fn(&mut Exposition) + Send + Sync + 'static) {
        self.collectors.lock().expect("nothing panics under the lock").push(Box::new(collector));
    }

    /// Reads everything.
    ///
    /// # Panics
    /// As [`Registry::counter`], or when a collector panics.
    pub fn text(&self) -> String {
        let mut exposition = Exposition::default();
        for kept in self.kept.lock().expect("nothing panics under the lock").iter() {
            let labels: Vec<(&str, &str)> = kept.labels.iter().map(|(key, value)| (*key, value.as_str())).collect();
            exposition.counter(kept.name, kept.help, &labels, kept.counter.get());
        }
        for collector in self.collectors.lock().expect("nothing panics under the lock").iter() {
            collector(&mut exposition);
        }
        exposition.text()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scrape_reads_as_prometheus_text() {
        let registry = Registry::default();
        registry.counter("eventra_records_total", "Records taken.", &[("route", "track")]).add(3);
        registry.counter("eventra_records_total", "Records taken.", &[("route", "track")]).add(1);
        registry.counter("eventra_records_total", "Records taken.", &[("route", "a\"b\n")]).add(1);
        registry.collector(|out| out.gauge("eventra_lag_seconds", "Lag.", &[], 0.25));
        assert_eq!(
            registry.text(),
            "# HELP eventra_lag_seconds Lag.\n# TYPE eventra_lag_seconds gauge\neventra_lag_seconds 0.25\n\
             # HELP eventra_records_total Records taken.\n# TYPE eventra_records_total counter\n\
             eventra_records_total{route=\"track\"} 4\neventra_records_total{route=\"a\\\"b\\n\"} 1\n"
        );
    }
}
