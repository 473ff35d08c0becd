//! The graph of one worker: frames are decoded once, routed for each view, folded by the owners of the bins.

use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use records::Batch;
use records::hash::{BINS, Bin};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::operators::generic::operator::Operator;
use timely::dataflow::{Scope, StreamVec};
use timely::progress::frontier::MutableAntichain;
use views::shards::Writer;
use views::state::Fold;

use crate::epoch::Dealt;
use crate::frame::{Body, Emit, Sequenced};
use crate::operator::{Doing, Stage};
use crate::packet::{Packet, Pool};
use crate::restore::{RestoreError, Restored};
use crate::routing::route_frame;
use crate::shared::Failure;
use crate::worker::{Context, message};

/// A set of computations: which views there are and how records reach them. Written by [`crate::program!`].
pub trait Program: 'static {
    /// The readers of all views.
    type Views: Clone + Send + Sync + 'static;
    /// The writers of one worker.
    type Writers: Send + 'static;

    /// Name and version of each view, in the order of [`Program::build`].
    fn views() -> Vec<(&'static str, u32)>;

    /// For each view, in the same order, the views that hand inputs on to it.
    fn upstreams() -> Vec<Vec<usize>>;

    /// Opens every view empty, for some workers.
    fn open(
        workers: usize,
        progress: &views::as_of::Progress,
        feed: views::feed::Limits,
    ) -> (Vec<Self::Writers>, Self::Views);

    /// Adds every computation to a worker's graph.
    fn build(writers: Self::Writers, graph: &mut Graph<'_, '_>);
}

/// A routing function: finds a view's inputs in a frame. Pure.
pub type Route<I> = fn(&Sequenced, &mut Emit<I>);

/// What a view's bins hand on, for the views that take it.
pub struct Outputs<'scope, O> {
    stream: Option<StreamVec<'scope, u64, Packet<O>>>,
}

impl<O: Clone + 'static> Clone for Outputs<'_, O> {
    fn clone(&self) -> Self {
        Self { stream: self.stream.clone() }
    }
}

/// A worker's graph while it is being built.
pub struct Graph<'a, 'scope> {
    scope: Scope<'scope, u64>,
    frames: StreamVec<'scope, u64, Arc<Sequenced>>,
    context: Rc<Context>,
    restored: Option<&'a Restored>,
    views: usize,
    error: Option<RestoreError>,
}

impl<'a, 'scope> Graph<'a, 'scope> {
    pub(crate) fn new(
        scope: Scope<'scope, u64>,
        dealt: StreamVec<'scope, u64, Arc<Dealt>>,
        context: Rc<Context>,
        restored: Option<&'a Restored>,
    ) -> Self {
        let frames = decode(dealt, Rc::clone(&context));
        Self { scope, frames, context, restored, views: 0, error: None }
    }

    /// The first thing that went wrong.
    pub(crate) fn finish(self) -> Option<RestoreError> {
        self.error
    }

    /// Adds a view: `route` finds its inputs in frames, `upstream` are views that hand inputs on to it. Inputs of one
    /// record are folded in this order: those of `route`, then those of earlier views by bin.
    ///
    /// `outputs` says whether another view takes what this one hands on.
    pub fn computation<F: Fold>(
        &mut self,
        mut writer: Writer<F>,
        route: Option<Route<F::Input>>,
        upstream: Vec<Outputs<'scope, F::Input>>,
        outputs: bool,
    ) -> Outputs<'scope, F::Output> {
        let view = self.views;
        self.views += 1;
        let kept = self.restore(view, &mut writer);
        let workers = self.context.workers;
        let stage = Stage::new(view, writer, workers, kept, outputs);
        let mut inputs: Vec<_> = upstream.into_iter().filter_map(|outputs| outputs.stream).collect();
        if let Some(route) = route {
            let pool = stage.pool();
            inputs.insert(0, routing(self.frames.clone(), F::NAME, view, route, pool, Rc::clone(&self.context)));
        }
        let stream = stateful(self.scope, stage, view, inputs, Rc::clone(&self.context));
        Outputs { stream: outputs.then_some(stream) }
    }

    fn restore<F: Fold>(&mut self, view: usize, writer: &mut Writer<F>) -> Box<[bool]> {
        let mut kept = vec![false; BINS].into_boxed_slice();
        let Some(restored) = self.restored else { return kept };
        if let Some(stopped) = restored.stopped(view) {
            writer.freeze(stopped.as_of.clone());
        }
        let bins: Vec<Bin> = writer.bins().collect();
        // Workers restore beside each other already: what cores are left is shared out.
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        match decoded::<F>(restored, view, &bins, (cores / self.context.workers).max(1)) {
            Ok(folds) => {
                for (bin, fold) in folds {
                    writer.put_back(restored.epoch(), bin, fold);
                    kept[usize::from(bin)] = true;
                }
            }
            Err(error) => {
                self.error.get_or_insert(error);
            }
        }
        kept
    }
}

/// Reads and decodes the bins of one view that a manifest has, on so many threads.
fn decoded<F: Fold>(
    restored: &Restored,
    view: usize,
    bins: &[Bin],
    threads: usize,
) -> Result<Vec<(Bin, F)>, RestoreError> {
    let next = AtomicUsize::new(0);
    let some = || {
        let (mut folds, mut bytes) = (Vec::new(), Vec::new());
        while let Some(bin) = bins.get(next.fetch_add(1, Ordering::Relaxed)) {
            bytes.clear();
            if restored.bin(view, *bin, &mut bytes)? {
                folds.push((*bin, F::decode(&bytes)?));
            }
        }
        Ok(folds)
    };
    let parts: Vec<Result<Vec<(Bin, F)>, RestoreError>> = std::thread::scope(|scope| {
        let helpers: Vec<_> = (1..threads).map(|_| scope.spawn(some)).collect();
        let own = some();
        // A panic goes on in this thread, with its message.
        let others = helpers.into_iter().map(|helper| helper.join().unwrap_or_else(|panic| resume_unwind(panic)));
        others.collect::<Vec<_>>().into_iter().chain([own]).collect()
    });
    let mut folds = Vec::new();
    for part in parts {
        folds.extend(part?);
    }
    Ok(folds)
}

/// Decodes frames, each one once for all views.
fn decode<'scope>(
    dealt: StreamVec<'scope, u64, Arc<Dealt>>,
    context: Rc<Context>,
) -> StreamVec<'scope, u64, Arc<Sequenced>> {
    dealt.unary::<CapacityContainerBuilder<Vec<Arc<Sequenced>>>, _, _, _>(Pipeline, "decode", move |_, _| {
        move |input, output| {
            input.for_each(|time, frames| {
                let mut decoded: Vec<_> =
                    frames.drain(..).filter_map(|dealt| decode_frame(dealt, *time.time(), &context)).collect();
                output.session(&time).give_container(&mut decoded);
            });
        }
    })
}

fn decode_frame(dealt: Arc<Dealt>, number: u64, context: &Context) -> Option<Arc<Sequenced>> {
    if context.shared.stopped() {
        return None;
    }
    let dealt = Arc::unwrap_or_clone(dealt);
    let epoch = context.epoch(number)?;
    let first = u64::from(dealt.index) << 32;
    let skipped = epoch.skips.iter().any(|skip| skip.view.is_none() && skip.contains(first));
    if skipped {
        return None;
    }
    let decode = || match dealt.facts {
        Some(facts) => Ok(Body::Facts(facts)),
        None => Batch::decode(&dealt.frame.body).map(|batch| Body::Activity(Arc::new(batch))),
    };
    let rows = dealt.frame.rows;
    let outcome = match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(Ok(body)) => Ok(Sequenced::new(dealt.index, &dealt.frame, body, dealt.rulebook)),
        Ok(Err(error)) => Err(error.to_string()),
        Err(panic) => Err(message(&*panic)),
    };
    let outcome = outcome.and_then(|frame| match frame.len() {
        held if held == rows => Ok(frame),
        held => Err(format!("a frame of {rows} rows holds {held}")),
    });
    match outcome {
        Ok(frame) => Some(Arc::new(frame)),
        Err(message) => {
            let at = Some((epoch.pos(first), rows));
            context.shared.fail(Failure { epoch: number, stands_from: number, view: None, at, bin: None, message });
            None
        }
    }
}

/// Finds one view's inputs in frames, as packets for the owners of the bins.
fn routing<'scope, I: Clone + Send + 'static>(
    frames: StreamVec<'scope, u64, Arc<Sequenced>>,
    name: &'static str,
    view: usize,
    route: Route<I>,
    pool: Pool<I>,
    context: Rc<Context>,
) -> StreamVec<'scope, u64, Packet<I>> {
    let mut emit = Emit::for_workers(context.workers);
    frames.unary::<CapacityContainerBuilder<Vec<Packet<I>>>, _, _, _>(Pipeline, name, move |_, _| {
        move |input, output| {
            input.for_each(|time, frames| {
                let Some(epoch) = context.epoch(*time.time()) else { return };
                if epoch.set_aside(view).is_some() {
                    // It may be its routing that panics on record after record.
                    return frames.clear();
                }
                for packet in emit.packets().iter_mut().filter(|packet| packet.capacity() == 0) {
                    *packet = pool.take();
                }
                for frame in frames.drain(..) {
                    if context.shared.stopped() {
                        return;
                    }
                    route_frame(route, &frame, &mut emit, view, &epoch, &context.shared);
                }
                let filled = emit.packets().iter_mut().enumerate().filter(|(_, rows)| !rows.is_empty());
                let mut packets: Vec<_> = filled.map(|(to, rows)| Packet { to, rows: std::mem::take(rows) }).collect();
                output.session(&time).give_container(&mut packets);
            });
        }
    })
}

/// Folds one view's inputs, and hands on what comes of them.
fn stateful<'scope, F: Fold>(
    scope: Scope<'scope, u64>,
    mut stage: Stage<F>,
    view: usize,
    inputs: Vec<StreamVec<'scope, u64, Packet<F::Input>>>,
    context: Rc<Context>,
) -> StreamVec<'scope, u64, Packet<F::Output>> {
    let mut builder = OperatorBuilder::new(F::NAME.to_owned(), scope);
    let to_owner = || Exchange::new(|packet: &Packet<F::Input>| packet.to as u64);
    let mut inputs: Vec<_> = inputs.into_iter().map(|stream| builder.new_input(stream, to_owner())).collect();
    let (output, stream) = builder.new_output();
    let mut output = OutputBuilder::<_, CapacityContainerBuilder<Vec<Packet<F::Output>>>>::from(output);
    builder.build(move |mut capabilities| {
        let mut capability = capabilities.pop();
        move |frontiers: &[MutableAntichain<u64>]| {
            if context.shared.stopped() {
                // Whoever waits for this operator leaves too; what it holds is rebuilt.
                return;
            }
            for input in &mut inputs {
                input.for_each(|time, packets| packets.drain(..).for_each(|packet| stage.stash(*time.time(), packet)));
            }
            let Some(held) = &mut capability else { return };
            let mut output = output.activate();
            while let Some(epoch) = context.next(view) {
                if frontiers.iter().any(|frontier| frontier.less_equal(&epoch.number)) {
                    break;
                }
                let mut doing = Doing::default();
                // What a panic leaves behind is never used: the group stops and is rebuilt.
                if let Err(panic) = catch_unwind(AssertUnwindSafe(|| stage.run(&epoch, &context, &mut doing))) {
                    let at = doing.seq.map(|seq| (epoch.pos(seq), 1));
                    let (bin, message) = (at.is_none().then(|| stage.at_work()), message(&*panic));
                    let (number, stands_from) = (doing.epoch, doing.stands_from(&epoch));
                    context.shared.fail(Failure { epoch: number, stands_from, view: Some(view), at, bin, message });
                    return;
                }
                held.downgrade(&epoch.number);
                output.session(held).give_iterator(stage.outputs());
                held.downgrade(&(epoch.number + 1));
                context.done(view);
            }
            if frontiers.iter().all(MutableAntichain::is_empty) && context.next(view).is_none() {
                capability = None;
            }
        }
    });
    stream
}
