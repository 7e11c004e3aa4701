//! The strict parser that pest makes of `nn.pest`, and what its rules are called in front of people.

use pest::Parser;
use pest::error::{ErrorVariant, InputLocation};
use pest::iterators::Pair;

#[derive(pest_derive::Parser)]
#[grammar = "nn.pest"]
struct Nn;

/// Where the strict parser stopped, and the rules that could have gone on there.
#[derive(Debug)]
pub(super) struct Failure {
    /// Offset in the fragment.
    pub(super) at: usize,
    /// What could have stood there.
    pub(super) expected: Vec<Rule>,
}

/// Reads a text as one rule.
pub(super) fn read(rule: Rule, text: &str) -> Result<Pair<'_, Rule>, Failure> {
    let mut pairs = Nn::parse(rule, text).map_err(|error| {
        let at = match error.location {
            InputLocation::Pos(at) | InputLocation::Span((at, _)) => at,
        };
        let expected = match error.variant {
            ErrorVariant::ParsingError { positives, .. } => positives,
            ErrorVariant::CustomError { .. } => vec![],
        };
        Failure { at, expected }
    })?;
    pairs.next().ok_or(Failure { at: 0, expected: vec![] })
}

/// How a rule is spoken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Called {
    /// A token, shown between backquotes.
    Token(&'static str),
    /// A thing described in words.
    Thing(&'static str),
    /// A rule that says nothing to people: a part of something that is named already.
    Nothing,
}

/// What a rule is called. No default: a new rule must be named here.
pub(super) fn called(rule: Rule) -> Called {
    use Called::{Nothing, Thing, Token};
    match rule {
        Rule::EOI | Rule::sep => Thing("the end of the statement"),
        Rule::file | Rule::one_item | Rule::item => Thing("an item"),
        Rule::one_stmt | Rule::stmt | Rule::word_stmt | Rule::stmt_word => Thing("a statement"),
        Rule::one_version | Rule::version => Thing("the language version"),
        Rule::use_item | Rule::option_item | Rule::setting_item | Rule::const_item => Thing("an item"),
        Rule::data_item | Rule::train_item | Rule::predict_item | Rule::def_item => Thing("an item"),
        Rule::item_name => Thing("a name"),
        Rule::on_data => Token("on"),
        Rule::def_kind => Thing("an item"),
        Rule::params => Thing("a parameter list `( )`"),
        Rule::param => Thing("a parameter"),
        Rule::over_mark | Rule::weighted => Nothing,
        Rule::r#type | Rule::tuple_type | Rule::choice_type | Rule::named_type | Rule::element => Thing("a type"),
        Rule::shape => Thing("a shape `[ ]`"),
        Rule::dim | Rule::dim_rest | Rule::dim_sized | Rule::dim_name | Rule::dim_size => Thing("an axis"),
        Rule::block => Thing("a block `{ }`"),
        Rule::then_stmt
        | Rule::param_stmt
        | Rule::state_stmt
        | Rule::var_stmt
        | Rule::update_stmt
        | Rule::fit_stmt
        | Rule::loss_stmt
        | Rule::metric_stmt
        | Rule::optimize_stmt
        | Rule::freeze_stmt
        | Rule::keep_stmt
        | Rule::stop_stmt
        | Rule::every_stmt
        | Rule::init_stmt
        | Rule::assert_stmt
        | Rule::yield_stmt
        | Rule::name_stmt
        | Rule::bind_stmt
        | Rule::setting_stmt
        | Rule::expr_stmt => Thing("a statement"),
        Rule::target | Rule::ident | Rule::metric_name | Rule::arg_name | Rule::on_loss => Thing("a name"),
        Rule::highest_lowest => Thing("`highest` or `lowest`"),
        Rule::higher_lower => Thing("`higher` or `lower`"),
        Rule::layout => Token("as"),
        Rule::layout_part => Thing("a name"),
        Rule::figure => Thing("a figure such as `valid.loss`"),
        Rule::selectors | Rule::selector | Rule::selector_step | Rule::turn => Thing("a model or a path"),
        Rule::exprs | Rule::expr | Rule::flat | Rule::operand | Rule::simple | Rule::name | Rule::value => {
            Thing("a value")
        }
        Rule::paren | Rule::list | Rule::fresh | Rule::path | Rule::number | Rule::string => Thing("a value"),
        Rule::boolean | Rule::if_expr | Rule::scan_expr | Rule::repeat_expr | Rule::rearrange => Thing("a value"),
        Rule::neg | Rule::not | Rule::prefix => Thing("a value"),
        Rule::range_start | Rule::range_end | Rule::all_but => Thing("a value"),
        Rule::infix
        | Rule::operator
        | Rule::or
        | Rule::and
        | Rule::eq
        | Rule::ne
        | Rule::le
        | Rule::lt
        | Rule::ge
        | Rule::gt => Thing("an operator"),
        Rule::add | Rule::sub | Rule::mul | Rule::div | Rule::rem | Rule::matmul | Rule::pow => Thing("an operator"),
        Rule::pipe | Rule::pipe_part => Token("|>"),
        Rule::pipe_name => Token("as"),
        Rule::postfix | Rule::member | Rule::call | Rule::index => Nothing,
        Rule::callable => Thing("a layer or a function"),
        Rule::arg => Thing("an argument"),
        Rule::rest | Rule::range_mark | Rule::dots => Token(".."),
        Rule::index_item | Rule::index_axis => Thing("an index"),
        Rule::if_arm | Rule::kw_if => Token("if"),
        Rule::else_arm | Rule::kw_else => Token("else"),
        Rule::scan_size => Token("="),
        Rule::reversed => Token("reversed"),
        Rule::carry => Thing("a carried name"),
        Rule::pattern | Rule::groups => Thing("a pattern `[ ]`"),
        Rule::group | Rule::group_many | Rule::unit => Thing("an axis"),
        Rule::group_size => Thing("a size"),
        Rule::reserved | Rule::word_char | Rule::digits | Rule::WHITESPACE => Nothing,
        Rule::comma => Token(","),
        Rule::colon => Token(":"),
        Rule::equals => Token("="),
        Rule::arrow => Token("->"),
        Rule::bar => Token("|"),
        Rule::dot => Nothing,
        Rule::lparen => Token("("),
        Rule::rparen => Token(")"),
        Rule::lbracket => Token("["),
        Rule::rbracket => Token("]"),
        Rule::lbrace => Token("{"),
        Rule::rbrace => Token("}"),
        Rule::deep | Rule::any => Thing("a model or a path"),
        Rule::kw_nn => Token("nn"),
        Rule::kw_use | Rule::kw_option | Rule::kw_data | Rule::kw_train | Rule::kw_predict => Thing("an item"),
        Rule::kw_in => Token("in"),
        Rule::kw_on => Token("on"),
        Rule::kw_over => Token("over"),
        Rule::kw_then
        | Rule::kw_param
        | Rule::kw_state
        | Rule::kw_var
        | Rule::kw_update
        | Rule::kw_fit
        | Rule::kw_loss
        | Rule::kw_metric
        | Rule::kw_optimize
        | Rule::kw_freeze
        | Rule::kw_keep
        | Rule::kw_stop
        | Rule::kw_every
        | Rule::kw_init
        | Rule::kw_assert
        | Rule::kw_name
        | Rule::kw_yield => Thing("a statement"),
        Rule::kw_after => Token("after"),
        Rule::kw_epochs => Token("epochs"),
        Rule::kw_without => Token("without"),
        Rule::kw_steps => Token("steps"),
        Rule::kw_from => Token("from"),
        Rule::kw_as => Token("as"),
        Rule::kw_with => Token("with"),
        Rule::kw_weight => Token("weight"),
        Rule::kw_scan | Rule::kw_repeat | Rule::kw_rearrange | Rule::kw_fresh => Thing("a value"),
        Rule::kw_all => Nothing,
        Rule::kw_but => Token("but"),
        Rule::kw_new => Token("new"),
    }
}

/// Whether a rule is a mark or a keyword that the tree does not hold.
pub(super) fn is_mark(rule: Rule) -> bool {
    use Rule::*;
    matches!(
        rule,
        EOI | sep
            | comma
            | colon
            | equals
            | arrow
            | pipe
            | bar
            | dot
            | lparen
            | rparen
            | lbracket
            | rbracket
            | lbrace
            | rbrace
            | kw_nn
            | kw_use
            | kw_option
            | kw_in
            | kw_data
            | kw_train
            | kw_predict
            | kw_on
            | kw_over
            | kw_then
            | kw_param
            | kw_state
            | kw_var
            | kw_update
            | kw_fit
            | kw_loss
            | kw_metric
            | kw_optimize
            | kw_freeze
            | kw_keep
            | kw_stop
            | kw_after
            | kw_epochs
            | kw_without
            | kw_every
            | kw_steps
            | kw_init
            | kw_from
            | kw_as
            | kw_with
            | kw_weight
            | kw_assert
            | kw_name
            | kw_yield
            | kw_if
            | kw_else
            | kw_scan
            | kw_repeat
            | kw_rearrange
            | kw_fresh
            | kw_all
            | kw_but
    )
}
