//! Issues what is to be issued: the decision takes each cause once, so this may ask as often as it likes.

use records::OrganizationId;
use records::books::Invoicing;
use rules::books::{BATCH_MAX, Command, Draft, Wish};
use rules::domains::Order;

use crate::Api;
use crate::problem::{Code, Problem};

/// Batches of one look: others wait for what comes after this.
const BATCHES_MAX: usize = 64;

impl Api {
    /// Issues invoices and credit notes that are due; what fails is tried again the next time.
    pub async fn write_books(&self) {
        for _ in 0..BATCHES_MAX {
            let due = self.papers_due();
            let mut any = false;
            for (organization, drafts) in due {
                any |= self.issue_all(organization, drafts).await;
            }
            if !any {
                return;
            }
        }
    }

    /// What is to be issued, for each organization, in the order of its causes.
    fn papers_due(&self) -> Vec<(OrganizationId, Vec<Draft>)> {
        let shelves = self.booking.books.read();
        let with_some = shelves.iter().filter(|(_, shelf)| !shelf.drafts.is_empty());
        with_some.map(|(id, shelf)| (*id, shelf.drafts.values().take(BATCH_MAX).cloned().collect())).collect()
    }

    /// Issues papers together or, when one of them is refused, each alone, so that it stands in no other one's way.
    async fn issue_all(&self, organization: OrganizationId, drafts: Vec<Draft>) -> bool {
        let drafts: Vec<Draft> = drafts.into_iter().map(|draft| self.named(organization, draft)).collect();
        match self.write_book(organization, Wish::Issue(drafts.clone())).await {
            Ok(_) => return true,
            Err(problem) if problem.code == Code::DeskBusy => return false,
            Err(_) => {}
        }
        let mut any = false;
        for draft in drafts {
            let (cause, order) = (draft.cause, draft.order);
            match self.write_book(organization, Wish::Issue(vec![draft])).await {
                Ok(_) => any = true,
                Err(problem) => {
                    let (code, detail) = (problem.code.word(), problem.detail);
                    tracing::error!(%organization, %order, ?cause, code, detail, "a paper was not issued");
                }
            }
        }
        any
    }

    /// With the words that stand on it: those of now, which stay.
    fn named(&self, organization: OrganizationId, draft: Draft) -> Draft {
        let book = self.rules.read().expect("nothing panics under the lock");
        let event = book.tenant(organization).and_then(|tenant| tenant.event(draft.event));
        let about = event.map_or_else(String::new, |event| event.title.clone());
        drop(book);
        Draft { about, language: self.language_of(organization), ..draft }
    }

    /// The language of an organization.
    pub(crate) fn language_of(&self, organization: OrganizationId) -> String {
        let known =
            self.callers.read(|directory| directory.organization(organization).map(|known| known.language.clone()));
        known.unwrap_or_default()
    }

    /// Has something written into an organization's books, for nobody.
    pub(crate) async fn write_book(&self, organization: OrganizationId, wish: Wish) -> Result<desk::Done, Problem> {
        self.decide(None, None, Order::Books(Command { organization, wish })).await
    }

    /// How an organization's invoices are written.
    pub(super) fn invoicing(&self, organization: OrganizationId) -> Invoicing {
        self.booking.books.ask(organization, |shelf| shelf.spec.clone())
    }
}
