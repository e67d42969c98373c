//! Labels beside marks: each as near to its mark as the others let it, with a thin line where it is not near.

use super::canvas::{Anchor, Canvas, Ink, text_width};

/// A rectangle that is taken: left, top, right, bottom.
pub type Taken = [f64; 4];

/// Height of a label of 12.5 pixels.
const HEIGHT: f64 = 15.0;
/// Size of labels.
pub const SIZE: f64 = 12.5;

/// Something to be named.
#[derive(Debug, Clone)]
pub struct Label {
    /// The mark.
    pub at: (f64, f64),
    /// The name.
    pub text: String,
}

/// Where a label went.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Place {
    x: f64,
    y: f64,
    anchor: Anchor,
    distance: f64,
}

impl Place {
    /// Where the line from a mark to its label ends; a label close by needs none.
    fn leader(&self, mark: (f64, f64)) -> Option<(f64, f64)> {
        let end = match self.anchor {
            Anchor::Start => (self.x - 2.0, self.y),
            Anchor::End => (self.x + 2.0, self.y),
            Anchor::Middle => (self.x, if self.y < mark.1 { self.y + 8.0 } else { self.y - 8.0 }),
        };
        (self.distance > 14.0).then_some(end)
    }
}

/// Draws labels so that none lies on another, and where there is room none on a mark or on what is `taken`, and all lie inside the
/// bounds. One for which the others leave no place is left out.
pub fn draw(canvas: &Canvas<'_>, labels: &[Label], taken: &[Taken], bounds: Taken) {
    let mut taken: Vec<Taken> = taken.to_vec();
    taken.extend(labels.iter().map(|l| [l.at.0 - 6.0, l.at.1 - 6.0, l.at.0 + 6.0, l.at.1 + 6.0]));
    let mut names: Vec<Taken> = Vec::new();
    for label in labels {
        let width = text_width(&label.text, SIZE);
        let Some((place, rect)) = best(label, width, &taken, &names, bounds) else { continue };
        if let Some(end) = place.leader(label.at) {
            canvas.line(&[label.at, end], Ink::Muted, 0.5);
        }
        canvas.text(&label.text, (place.x, place.y), SIZE, Ink::Label, place.anchor);
        taken.push(rect);
        names.push(rect);
    }
}

/// What a straight line takes: small squares along it, its ends excepted, where its marks are.
pub fn along(from: (f64, f64), to: (f64, f64)) -> Vec<Taken> {
    let length = (to.0 - from.0).hypot(to.1 - from.1);
    let steps = (length / 8.0).floor().max(1.0) as u32;
    (1..steps)
        .map(|n| {
            let share = f64::from(n) / f64::from(steps);
            let (x, y) = (from.0 + share * (to.0 - from.0), from.1 + share * (to.1 - from.1));
            [x - 3.0, y - 3.0, x + 3.0, y + 3.0]
        })
        .collect()
}

/// The nearest free place; the one with the least overlap if none is free, but never on one of the `names`, which are taken too.
fn best(label: &Label, width: f64, taken: &[Taken], names: &[Taken], bounds: Taken) -> Option<(Place, Taken)> {
    let (x, y) = label.at;
    let mut least: Option<(f64, Place, Taken)> = None;
    for ring in 0..7 {
        let distance = 11.0 + 15.0 * f64::from(ring);
        for (dx, dy, anchor) in [
            (1.0, 0.0, Anchor::Start),
            (-1.0, 0.0, Anchor::End),
            (0.8, -0.75, Anchor::Start),
            (0.8, 0.75, Anchor::Start),
            (0.0, -1.2, Anchor::Middle),
            (0.0, 1.2, Anchor::Middle),
            (-0.8, -0.75, Anchor::End),
            (-0.8, 0.75, Anchor::End),
        ] {
            let place = Place { x: x + dx * distance, y: y + dy * distance, anchor, distance };
            let left = match anchor {
                Anchor::Start => place.x,
                Anchor::Middle => place.x - width / 2.0,
                Anchor::End => place.x - width,
            };
            let rect = [left, place.y - HEIGHT / 2.0, left + width, place.y + HEIGHT / 2.0];
            if rect[0] < bounds[0] || rect[1] < bounds[1] || rect[2] > bounds[2] || rect[3] > bounds[3] {
                continue;
            }
            // Two names on each other can neither be read.
            if names.iter().any(|name| overlap(&rect, name) > 0.0) {
                continue;
            }
            let mut covered: f64 = taken.iter().map(|other| overlap(&rect, other)).sum();
            // A line across another's mark or name would name that one.
            if let Some(end) = place.leader(label.at) {
                let others = taken.iter().filter(|other| !contains(other, label.at));
                covered += others.flat_map(|other| along(label.at, end).into_iter().map(|dot| overlap(&dot, other))).sum::<f64>();
            }
            if covered == 0.0 {
                return Some((place, rect));
            }
            if least.as_ref().is_none_or(|(area, ..)| covered < *area) {
                least = Some((covered, place, rect));
            }
        }
    }
    least.map(|(_, place, rect)| (place, rect))
}

fn contains(rect: &Taken, (x, y): (f64, f64)) -> bool {
    rect[0] <= x && x <= rect[2] && rect[1] <= y && y <= rect[3]
}

fn overlap(a: &Taken, b: &Taken) -> f64 {
    let width = a[2].min(b[2]) - a[0].max(b[0]);
    let height = a[3].min(b[3]) - a[1].max(b[1]);
    if width > 0.0 && height > 0.0 { width * height } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crowded_labels_do_not_cover_each_other() {
        let labels: Vec<Label> =
            (0..5).map(|n| Label { at: (200.0 + f64::from(n), 100.0), text: format!("label number {n}") }).collect();
        let mut taken: Vec<Taken> = labels.iter().map(|l| [l.at.0 - 6.0, l.at.1 - 6.0, l.at.0 + 6.0, l.at.1 + 6.0]).collect();
        let mut names = Vec::new();
        for label in &labels {
            let (_, rect) = best(label, text_width(&label.text, SIZE), &taken, &names, [0.0, 0.0, 400.0, 300.0]).unwrap();
            assert!(taken.iter().all(|other| overlap(&rect, other) == 0.0));
            taken.push(rect);
            names.push(rect);
        }
        // In a corner without room one lies on a mark rather than on another name, and in the end nowhere.
        let corner = [190.0, 90.0, 190.0 + text_width(&labels[0].text, SIZE) + 60.0, 140.0];
        let names = [[corner[0], 90.0, corner[2], 108.0]];
        let (_, rect) = best(&labels[0], text_width(&labels[0].text, SIZE), &[corner], &names, corner).unwrap();
        assert_eq!(overlap(&rect, &names[0]), 0.0);
        assert!(best(&labels[0], text_width(&labels[0].text, SIZE), &[], &[corner], corner).is_none());
    }
}
