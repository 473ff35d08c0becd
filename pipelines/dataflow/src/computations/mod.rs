//! What the product computes: one line here, a fold in `views`, a pure routing function beside this file.

pub mod attendance;
pub mod audience;
pub mod campaigns;
pub mod fraud;
pub mod funnels;
pub mod leaderboards;
pub mod points;
pub mod recommend;
pub mod revenue;
pub mod segments;
pub mod trending;
pub mod visits;
pub mod windows;

use views::attendance::Rooms;
use views::audience::Audience;
use views::campaigns::Campaigns;
use views::fraud::{Scores, Signals};
use views::funnels::Funnels;
use views::leaderboards::Leaderboards;
use views::points::Points;
use views::recommend::Recommend;
use views::revenue::Revenue;
use views::segments::Segments;
use views::trending::Trends;
use views::visits::Visits;
use views::windows::Windows;

crate::program! {
    /// The readers of every live view.
    pub struct Views;
    /// The product's computations.
    pub struct Product;
    windows: Windows = {windows::route};
    points: Points = {points::route} -> next;
    leaderboards: Leaderboards = {leaderboards::route} from points;
    campaigns: Campaigns = {campaigns::route};
    signals: Signals = {fraud::route} -> next;
    scores: Scores = none from signals;
    attendance: Rooms = {attendance::route};
    visits: Visits = {visits::route};
    funnels: Funnels = {funnels::route};
    trending: Trends = {trending::route};
    recommend: Recommend = {recommend::route};
    segments: Segments = {segments::route};
    revenue: Revenue = {revenue::route};
    audience: Audience = {audience::route};
}
