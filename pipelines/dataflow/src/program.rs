//! `program!`: a list of computations becomes readers, writers and a graph. Adding one is one line.

/// Declares a [`crate::graph::Program`].
///
/// Each line names a field, its fold, its routing function (a name, a path in braces, or `none`), then `from` and the earlier fields that hand
/// inputs on to it, then `-> next` if it hands inputs on itself, as in
/// `boards: Leaderboards = {boards::route} from points;` after `points: Points = {points::route} -> next;`.
///
/// ```
/// use dataflow::frame::{Emit, Sequenced};
/// use views::laws::Tally;
///
/// fn route(frame: &Sequenced, emit: &mut Emit<u64>) {
///     for row in frame.rows() {
///         emit.to(records::hash::mix(u64::from(row)), row, u64::from(row));
///     }
/// }
///
/// dataflow::program! {
///     /// The readers.
///     pub struct Views;
///     /// The list.
///     pub struct Rows;
///     rows: Tally = route;
/// }
/// assert_eq!(<Rows as dataflow::graph::Program>::views(), [("tally", 1)]);
/// assert!(<Rows as dataflow::graph::Program>::upstreams()[0].is_empty());
/// ```
#[macro_export]
macro_rules! program {
    (
        $(#[$views_doc:meta])* pub struct $views:ident;
        $(#[$program_doc:meta])* pub struct $program:ident;
        $($field:ident: $fold:ty = $route:tt $(from $($upstream:ident),+)? $(-> $hands_on:ident)?;)+
    ) => {
        $(#[$views_doc])*
        #[derive(Debug, Clone)]
        pub struct $views {
            $(
                #[doc = concat!("The view `", stringify!($field), "`.")]
                pub $field: ::views::shards::Reader<$fold>,
            )+
        }

        $(#[$program_doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $program;

        const _: () = {
            /// The writers of one worker.
            pub struct Writers {
                $($field: ::views::shards::Writer<$fold>,)+
            }

            impl $crate::graph::Program for $program {
                type Views = $views;
                type Writers = Writers;

                fn views() -> Vec<(&'static str, u32)> {
                    vec![$((<$fold as ::views::state::Fold>::NAME, <$fold as ::views::state::Fold>::VERSION)),+]
                }

                fn upstreams() -> Vec<Vec<usize>> {
                    let names = [$(stringify!($field)),+];
                    // A name that is not there would not compile in `build`.
                    let place = |name: &str| names.iter().position(|field| *field == name).unwrap_or_default();
                    // Most programs hand nothing on.
                    let _ = &place;
                    vec![$(vec![$($(place(stringify!($upstream))),+)?]),+]
                }

                fn open(
                    workers: usize,
                    progress: &::views::as_of::Progress,
                    feed: ::views::feed::Limits,
                ) -> (Vec<Writers>, $views) {
                    $(let $field = ::views::shards::open::<$fold>(workers, progress.clone(), feed);)+
                    let readers = $views { $($field: $field.1),+ };
                    $(let mut $field = $field.0.into_iter();)+
                    let next = |_| Some(Writers { $($field: $field.next()?),+ });
                    ((0..workers).map_while(next).collect(), readers)
                }

                fn build(writers: Writers, graph: &mut $crate::graph::Graph<'_, '_>) {
                    $(
                        let $field = graph.computation::<$fold>(
                            writers.$field,
                            $crate::program!(@route $route),
                            vec![$($($upstream.clone()),+)?],
                            $crate::program!(@outputs $($hands_on)?),
                        );
                        // Not every view hands inputs on.
                        let _ = &$field;
                    )+
                }
            }
        };
    };
    (@route none) => { None };
    (@route $route:tt) => { Some($route) };
    (@outputs) => { false };
    (@outputs next) => { true };
}
