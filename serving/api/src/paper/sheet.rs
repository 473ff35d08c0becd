//! Pages that are filled from top to bottom: marks are laid out first, then written as PDF.

use std::sync::LazyLock;

use krilla::Document;
use krilla::color::rgb;
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::metadata::Metadata;
use krilla::num::NormalizedF32;
use krilla::page::PageSettings;
use krilla::paint::{Fill, FillRule};
use krilla::text::{Font, TextDirection};

/// A4, in points.
const WIDTH: f32 = 595.0;
const HEIGHT: f32 = 842.0;
/// What stays free around.
pub(super) const MARGIN: f32 = 56.0;
/// Where text ends to the right.
pub(super) const RIGHT: f32 = WIDTH - MARGIN;
/// Where a page is full: below it stands its number.
const BOTTOM: f32 = HEIGHT - MARGIN - 14.0;
/// A line is so much higher than its letters.
const LEADING: f32 = 1.35;
/// The size of page numbers.
const SMALL: f32 = 8.0;

/// Which letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Face {
    Regular,
    Bold,
}

static REGULAR: LazyLock<Option<Font>> = LazyLock::new(|| font(dejavu::sans::regular()));
static BOLD: LazyLock<Option<Font>> = LazyLock::new(|| font(dejavu::sans::bold()));

fn font(bytes: &'static [u8]) -> Option<Font> {
    Font::new(bytes.into(), 0)
}

impl Face {
    fn font(self) -> Option<Font> {
        match self {
            Self::Regular => REGULAR.clone(),
            Self::Bold => BOLD.clone(),
        }
    }

    fn bytes(self) -> &'static [u8] {
        match self {
            Self::Regular => dejavu::sans::regular(),
            Self::Bold => dejavu::sans::bold(),
        }
    }

    /// How wide a text is, in points.
    fn width(self, text: &str, size: f32) -> f32 {
        let Ok(face) = ttf_parser::Face::parse(self.bytes(), 0) else { return 0.0 };
        let advance = |letter| face.glyph_index(letter).and_then(|glyph| face.glyph_hor_advance(glyph)).unwrap_or(0);
        let units: u32 = text.chars().map(|letter| u32::from(advance(letter))).sum();
        units as f32 * size / f32::from(face.units_per_em())
    }
}

enum Mark {
    Text { x: f32, y: f32, size: f32, face: Face, text: String },
    Rule { y: f32 },
    Squares { x: f32, y: f32, side: f32, across: usize, dark: Vec<bool> },
}

/// Pages that are being filled.
pub(super) struct Sheet {
    title: String,
    language: String,
    /// What stands before the page's number.
    foot: String,
    pages: Vec<Vec<Mark>>,
    y: f32,
}

impl Sheet {
    pub(super) fn new(title: &str, language: &str) -> Self {
        let language = if language.is_empty() { "en" } else { language }.to_owned();
        Self { title: title.to_owned(), language, foot: title.to_owned(), pages: vec![Vec::new()], y: MARGIN }
    }

    /// Begins another page unless so much fits on this one.
    pub(super) fn room(&mut self, height: f32) {
        if self.y + height > BOTTOM {
            self.pages.push(Vec::new());
            self.y = MARGIN;
        }
    }

    pub(super) fn down(&mut self, by: f32) {
        self.y += by;
    }

    fn put(&mut self, mark: Mark) {
        self.pages.last_mut().expect("there is a first page").push(mark);
    }

    /// Writes on this line.
    pub(super) fn text(&mut self, x: f32, size: f32, face: Face, text: &str) {
        let y = self.y + size;
        self.put(Mark::Text { x, y, size, face, text: text.to_owned() });
    }

    /// Writes on this line, ending at `right`.
    pub(super) fn ending(&mut self, right: f32, size: f32, face: Face, text: &str) {
        let x = right - face.width(text, size);
        self.text(x, size, face, text);
    }

    /// Goes to the next line.
    pub(super) fn next(&mut self, size: f32) {
        self.down(size * LEADING);
        self.room(size * LEADING);
    }

    /// Writes lines, broken where they would be wider, and goes to the line after them.
    pub(super) fn lines(&mut self, x: f32, width: f32, size: f32, face: Face, text: &str) {
        for line in text.lines().flat_map(|line| broken(line, width, size, face)) {
            self.room(size * LEADING);
            self.text(x, size, face, &line);
            self.down(size * LEADING);
        }
    }

    /// A line across the page.
    pub(super) fn rule(&mut self) {
        let y = self.y;
        self.put(Mark::Rule { y });
        self.down(4.0);
    }

    /// A pattern of squares, as of a QR code.
    pub(super) fn squares(&mut self, x: f32, side: f32, across: usize, dark: Vec<bool>) {
        let y = self.y;
        self.put(Mark::Squares { x, y, side, across, dark });
    }

    pub(super) fn y(&self) -> f32 {
        self.y
    }

    pub(super) fn go_to(&mut self, y: f32) {
        self.y = y;
    }

    /// The document; none when the font or the library fails, which nothing here leads to.
    pub(super) fn finish(mut self) -> Option<Vec<u8>> {
        let count = self.pages.len();
        for (number, page) in (1..).zip(&mut self.pages) {
            let text = format!("{}  {number}/{count}", self.foot);
            let x = RIGHT - Face::Regular.width(&text, SMALL);
            page.push(Mark::Text { x, y: HEIGHT - MARGIN / 2.0, size: SMALL, face: Face::Regular, text });
        }
        let mut document = Document::new();
        let metadata = Metadata::new().title(self.title).language(self.language).producer("Eventra".to_owned());
        document.set_metadata(metadata);
        for marks in &self.pages {
            let mut page = document.start_page_with(PageSettings::from_wh(WIDTH, HEIGHT)?);
            let mut surface = page.surface();
            surface.set_fill(Some(Fill {
                paint: rgb::Color::new(0, 0, 0).into(),
                opacity: NormalizedF32::ONE,
                rule: FillRule::default(),
            }));
            for mark in marks {
                match mark {
                    Mark::Text { x, y, size, face, text } => {
                        surface.draw_text(
                            Point::from_xy(*x, *y),
                            face.font()?,
                            *size,
                            text,
                            false,
                            TextDirection::Auto,
                        );
                    }
                    Mark::Rule { y } => {
                        let mut path = PathBuilder::new();
                        path.push_rect(Rect::from_ltrb(MARGIN, *y, RIGHT, *y + 0.5)?);
                        surface.draw_path(&path.finish()?);
                    }
                    Mark::Squares { x, y, side, across, dark } => {
                        surface.draw_path(&pattern(*x, *y, *side, *across, dark)?);
                    }
                }
            }
            surface.finish();
            page.finish();
        }
        document.finish().ok()
    }
}

/// One path of all dark squares, those of a row that touch as one.
fn pattern(x: f32, y: f32, side: f32, across: usize, dark: &[bool]) -> Option<krilla::geom::Path> {
    let mut path = PathBuilder::new();
    let unit = side / across as f32;
    for (row, squares) in dark.chunks(across).enumerate() {
        let mut from = 0;
        for run in squares.chunk_by(|one, other| one == other) {
            let to = from + run.len();
            if run[0] {
                let (left, top) = (x + from as f32 * unit, y + row as f32 * unit);
                path.push_rect(Rect::from_ltrb(left, top, x + to as f32 * unit, top + unit)?);
            }
            from = to;
        }
    }
    path.finish()
}

/// A line in pieces that are no wider, broken at spaces where there are some.
fn broken(line: &str, width: f32, size: f32, face: Face) -> Vec<String> {
    let (mut pieces, mut piece) = (Vec::new(), String::new());
    for word in line.split(' ') {
        let longer = if piece.is_empty() { word.to_owned() } else { format!("{piece} {word}") };
        if face.width(&longer, size) <= width {
            piece = longer;
            continue;
        }
        if !piece.is_empty() {
            pieces.push(std::mem::take(&mut piece));
        }
        for letter in word.chars() {
            piece.push(letter);
            if face.width(&piece, size) > width && piece.chars().count() > 1 {
                piece.pop();
                pieces.push(std::mem::replace(&mut piece, letter.to_string()));
            }
        }
    }
    pieces.push(piece);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_broken_and_no_letter_is_lost() {
        let text = "Αθήνα und Москва liegen weit auseinander, Donaudampfschifffahrtsgesellschaftskapitän";
        let pieces = broken(text, 100.0, 10.0, Face::Regular);
        assert!(pieces.len() > 3 && pieces.iter().all(|piece| Face::Regular.width(piece, 10.0) <= 100.0), "{pieces:?}");
        let letters = |text: &str| text.replace(' ', "");
        assert_eq!(letters(&pieces.concat()), letters(text));
    }

    #[test]
    fn the_same_marks_give_the_same_bytes_and_a_full_page_is_followed_by_another() {
        let made = || {
            let mut sheet = Sheet::new("Title", "de");
            (0..100).for_each(|_| sheet.lines(MARGIN, 200.0, 10.0, Face::Bold, "Ünïcödé, ελληνικά, Кириллица"));
            sheet.squares(MARGIN, 40.0, 2, vec![true, false, false, true]);
            assert!(sheet.pages.len() > 1);
            sheet.finish().unwrap()
        };
        let bytes = made();
        assert!(bytes.starts_with(b"%PDF-1."));
        assert_eq!(bytes, made());
    }
}
