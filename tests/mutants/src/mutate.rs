//! Where a file can be broken, and how. Mutants are inserted beside the code, which stays as it is:
//! `a < b` becomes `(if crate::mutant(7) { (a) <= (b) } else { a < b })`.

use crate::equivalent;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{BinOp, Expr, Pat, ReturnType, Type, UnOp};

/// One way to break one place.
#[derive(Debug, Clone)]
pub(crate) struct Mutant {
    pub(crate) number: u32,
    pub(crate) file: String,
    line: usize,
    function: String,
    what: String,
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            function,
            what,
            ..
        } = self;
        write!(f, "{file}:{line}: {what} in {function}")
    }
}

/// Inserts the mutants of one file, numbered from `first` on, but for those in `unviable`.
pub(crate) fn mutate(
    file: &str,
    text: &str,
    first: u32,
    unviable: &BTreeSet<u32>,
) -> Result<(String, Vec<Mutant>, u32), String> {
    let parsed = syn::parse_file(text).map_err(|error| format!("{file}: {error}"))?;
    let mut places = Places {
        file,
        text,
        next: first,
        unviable,
        function: String::new(),
        mutants: Vec::new(),
        inserted: BTreeMap::new(),
        blanked: Vec::new(),
    };
    places.visit_file(&parsed);
    let (mutated, mutants, next) = (places.write(), places.mutants, places.next);
    Ok((mutated, mutants, next))
}

struct Places<'a> {
    file: &'a str,
    text: &'a str,
    next: u32,
    unviable: &'a BTreeSet<u32>,
    function: String,
    mutants: Vec<Mutant>,
    /// By offset: what ends there, and what begins there.
    inserted: BTreeMap<usize, (String, String)>,
    blanked: Vec<Range<usize>>,
}

impl Places<'_> {
    fn write(&self) -> String {
        let mut out = String::new();
        let mut at = 0;
        for (&offset, (ends, begins)) in &self.inserted {
            out += &self.kept(at..offset);
            out += ends;
            out += begins;
            at = offset;
        }
        out + &self.kept(at..self.text.len())
    }

    fn kept(&self, range: Range<usize>) -> String {
        let blank = |offset: usize| self.blanked.iter().any(|one| one.contains(&offset));
        let kept = self.text[range.clone()].char_indices();
        kept.map(|(offset, c)| if blank(range.start + offset) { ' ' } else { c })
            .collect()
    }

    fn begin(&mut self, offset: usize, text: &str) {
        // What is outside is visited first and begins first.
        self.inserted.entry(offset).or_default().1.push_str(text);
    }

    fn end(&mut self, offset: usize, text: &str) {
        self.inserted
            .entry(offset)
            .or_default()
            .0
            .insert_str(0, text);
    }

    fn source(&self, spanned: &impl syn::spanned::Spanned) -> &str {
        &self.text[spanned.span().byte_range()]
    }

    /// A number for a mutant, unless it is one that doesn't compile.
    fn number(&mut self, offset: usize, what: String) -> Option<u32> {
        let number = self.next;
        self.next += 1;
        let begins = self.text[..offset].rfind('\n').map_or(0, |at| at + 1);
        let line = self.text[begins..]
            .lines()
            .next()
            .unwrap_or_default()
            .trim_start();
        if self.unviable.contains(&number)
            || equivalent::is_equivalent(self.file, &what, &self.function, line)
        {
            return None;
        }
        self.mutants.push(Mutant {
            number,
            file: self.file.to_owned(),
            line: self.text[..offset].matches('\n').count() + 1,
            function: self.function.clone(),
            what,
        });
        Some(number)
    }

    /// Puts alternatives beside an expression.
    fn replace(&mut self, range: &Range<usize>, alternatives: Vec<(String, String)>) {
        let mut begin = String::new();
        for (what, alternative) in alternatives {
            if let Some(number) = self.number(range.start, what) {
                begin += &format!(
                    "if crate::mutant({number}) {{ /*mutant {number}*/ {alternative} }} else "
                );
            }
        }
        if !begin.is_empty() {
            self.begin(range.start, &format!("({begin}{{ /*mutant 0*/ "));
            self.end(range.end, " })");
        }
    }

    fn function(
        &mut self,
        signature: &syn::Signature,
        block: &syn::Block,
        visit: impl FnOnce(&mut Self),
    ) {
        let outer = std::mem::replace(&mut self.function, signature.ident.to_string());
        if let Some(token) = &signature.constness {
            self.blanked.push(token.span().byte_range());
        }
        let open = block.brace_token.span.open().byte_range().end;
        for value in values_of_return(&signature.output) {
            let what = format!("return {value}");
            if let Some(number) = self.number(open, what) {
                self.begin(
                    open,
                    &format!(" if crate::mutant({number}) {{ /*mutant {number}*/ return {value}; }} /*mutant 0*/"),
                );
            }
        }
        visit(self);
        self.function = outer;
    }
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let path = attribute.path();
        path.is_ident("test")
            || (path.is_ident("cfg")
                && attribute
                    .parse_args::<syn::Path>()
                    .is_ok_and(|condition| condition.is_ident("test")))
    })
}

impl<'ast> Visit<'ast> for Places<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_test(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if !is_test(&item.attrs) {
            self.function(&item.sig, &item.block, |places| {
                visit::visit_block(places, &item.block);
            });
        }
    }
    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig, &item.block, |places| {
            visit::visit_block(places, &item.block);
        });
    }
    // Evaluated by the compiler: nothing can be switched there.
    fn visit_item_const(&mut self, _: &'ast syn::ItemConst) {}
    fn visit_impl_item_const(&mut self, _: &'ast syn::ImplItemConst) {}
    fn visit_item_static(&mut self, _: &'ast syn::ItemStatic) {}
    fn visit_type(&mut self, _: &'ast Type) {}
    fn visit_pat(&mut self, _: &'ast Pat) {}
    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}

    fn visit_expr(&mut self, expression: &'ast Expr) {
        let range = expression.span().byte_range();
        match expression {
            Expr::Binary(binary) if !has_let(expression) => {
                let operator = self.source(&binary.op).to_owned();
                let (left, right) = (self.source(&binary.left), self.source(&binary.right));
                let alternatives = others(&binary.op).iter().map(|other| {
                    let what = format!("`{operator}` -> `{other}`");
                    (what, format!("({left}) {other} ({right})"))
                });
                let alternatives: Vec<_> = if operator.ends_with('=') && is_assignment(&binary.op) {
                    let assign = others(&binary.op).iter();
                    assign
                        .map(|other| {
                            let what = format!("`{operator}` -> `{other}`");
                            (what, format!("{left} {other} {right}"))
                        })
                        .collect()
                } else {
                    alternatives.collect()
                };
                self.replace(&range, alternatives);
            }
            Expr::Unary(unary) if matches!(unary.op, UnOp::Not(_) | UnOp::Neg(_)) => {
                let operand = self.source(&unary.expr).to_owned();
                let what = format!("delete `{}`", self.source(&unary.op));
                self.replace(&range, vec![(what, operand)]);
            }
            _ => {}
        }
        visit::visit_expr(self, expression);
    }

    fn visit_expr_match(&mut self, matching: &'ast syn::ExprMatch) {
        self.visit_expr(&matching.expr);
        let is_rest = |arm: &syn::Arm| matches!(arm.pat, Pat::Wild(_)) && arm.guard.is_none();
        let has_rest = matching.arms.iter().any(is_rest);
        for arm in &matching.arms {
            let after = arm.pat.span().byte_range().end;
            let deletable = has_rest && !is_rest(arm);
            match &arm.guard {
                Some((_, guard)) if !has_let(guard) => {
                    let range = guard.span().byte_range();
                    let alternatives = vec![
                        ("guard -> true".to_owned(), "true".to_owned()),
                        ("guard -> false".to_owned(), "false".to_owned()),
                    ];
                    self.replace(&range, alternatives);
                    self.visit_expr(guard);
                }
                Some((_, guard)) => self.visit_expr(guard),
                None if deletable => {
                    let pattern = self.source(&arm.pat).to_owned();
                    let what = format!("delete arm `{}`", pattern.replace('\n', " "));
                    if let Some(number) = self.number(after, what) {
                        let guard = format!(
                            " if !(/*mutant {number}*/ crate::mutant({number})) /*mutant 0*/ "
                        );
                        self.end(after, &guard);
                    }
                }
                None => {}
            }
            self.visit_expr(&arm.body);
        }
    }
}

/// Whether a chain of conditions binds something; such a chain can't be put into brackets.
fn has_let(expression: &Expr) -> bool {
    match expression {
        Expr::Let(_) => true,
        Expr::Binary(binary) => has_let(&binary.left) || has_let(&binary.right),
        _ => false,
    }
}

fn is_assignment(operator: &BinOp) -> bool {
    matches!(
        operator,
        BinOp::AddAssign(_)
            | BinOp::SubAssign(_)
            | BinOp::MulAssign(_)
            | BinOp::BitAndAssign(_)
            | BinOp::BitOrAssign(_)
    )
}

/// What an operator is exchanged for.
fn others(operator: &BinOp) -> &'static [&'static str] {
    match operator {
        BinOp::Eq(_) => &["!="],
        BinOp::Ne(_) => &["=="],
        BinOp::Lt(_) => &["==", ">", "<="],
        BinOp::Gt(_) => &["==", "<", ">="],
        BinOp::Le(_) => &[">", "<"],
        BinOp::Ge(_) => &["<", ">"],
        BinOp::And(_) => &["||"],
        BinOp::Or(_) => &["&&"],
        BinOp::Add(_) => &["-", "*"],
        BinOp::Sub(_) => &["+", "/"],
        BinOp::Mul(_) => &["+", "/"],
        BinOp::Div(_) => &["%", "*"],
        BinOp::Rem(_) => &["/", "+"],
        BinOp::BitAnd(_) => &["|", "^"],
        BinOp::BitOr(_) => &["&", "^"],
        BinOp::BitXor(_) => &["|", "&"],
        BinOp::Shl(_) => &[">>"],
        BinOp::Shr(_) => &["<<"],
        BinOp::AddAssign(_) => &["-=", "*="],
        BinOp::SubAssign(_) => &["+=", "/="],
        BinOp::MulAssign(_) => &["+="],
        BinOp::BitAndAssign(_) => &["|="],
        BinOp::BitOrAssign(_) => &["&="],
        _ => &[],
    }
}

fn values_of_return(output: &ReturnType) -> Vec<String> {
    match output {
        ReturnType::Default => vec!["()".to_owned()],
        ReturnType::Type(_, kind) => values(kind),
    }
}

/// Values that a function could return instead of its own; many don't compile and are dropped.
fn values(kind: &Type) -> Vec<String> {
    let texts = |values: &[&str]| values.iter().map(ToString::to_string).collect();
    match kind {
        Type::Tuple(tuple) if tuple.elems.is_empty() => texts(&["()"]),
        Type::Reference(reference) => match &*reference.elem {
            Type::Path(path) if path.path.is_ident("str") => texts(&["\"\"", "\"xyzzy\""]),
            Type::Slice(_) => texts(&["&[]"]),
            _ => Vec::new(),
        },
        Type::Path(path) => {
            let Some(last) = path.path.segments.last() else {
                return Vec::new();
            };
            let inner = || -> Vec<String> {
                let syn::PathArguments::AngleBracketed(arguments) = &last.arguments else {
                    return texts(&["Default::default()"]);
                };
                let first = arguments.args.iter().find_map(|argument| match argument {
                    syn::GenericArgument::Type(kind) => Some(kind),
                    _ => None,
                });
                first.map(values).unwrap_or_default()
            };
            let wrapped = |wrapper: &str| -> Vec<String> {
                inner()
                    .iter()
                    .map(|value| format!("{wrapper}({value})"))
                    .collect()
            };
            match last.ident.to_string().as_str() {
                "bool" => texts(&["true", "false"]),
                "u8" | "u16" | "u32" | "u64" | "usize" => texts(&["0", "1"]),
                "i32" | "i64" | "isize" => texts(&["0", "1", "-1"]),
                "String" => texts(&["String::new()", "\"xyzzy\".into()"]),
                "Option" => [texts(&["None"]), wrapped("Some")].concat(),
                "Result" => wrapped("Ok"),
                "Vec" => {
                    let one = inner().into_iter().map(|value| format!("vec![{value}]"));
                    texts(&["vec![]"]).into_iter().chain(one).collect()
                }
                "Amount" => texts(&["Amount::ZERO", "Amount::ONE_SAT"]),
                _ => texts(&["Default::default()"]),
            }
        }
        _ => Vec::new(),
    }
}
