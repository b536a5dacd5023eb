bars_as_text <- function(formula) vapply(find_bars(formula), text_of, "")

group_names <- function(expr) vapply(expand_groups(expr, "t"), `[[`, "", "name")

test_that("bars are found wherever they can be added", {
  expect_equal(bars_as_text(y ~ x + (x | g) + (1 || h)), c("x | g", "1 || h"))
  expect_equal(bars_as_text(~ (1 | g)), "1 | g")
  expect_equal(bars_as_text(y ~ ((1 | g) + x) + us(x | h)), c("1 | g", "x | h"))
  expect_equal(bars_as_text(y ~ x), character())
  # here a bar means "or"
  expect_equal(bars_as_text(y ~ I(a | b) + ifelse(a || b, 1, 0) + (1 | g)), "1 | g")
})

test_that("the fixed part is the formula without its bars", {
  fixed <- function(formula) text_of(fixed_formula(formula)[[3]])
  expect_equal(fixed(y ~ x + (1 | g)), "x")
  expect_equal(fixed(y ~ (1 | g)), "1")
  expect_equal(fixed(y ~ 0 + (1 | g)), "0")
  expect_equal(fixed(y ~ (1 | g) - 1), "-1")
  expect_equal(fixed(y ~ (1 | g) + x * z - x + (1 | h)), "x * z - x")
  expect_equal(fixed(y ~ ((1 | g) + x) + offset(o)), "(x) + offset(o)")
  expect_equal(text_of(fixed_formula(~ x + (1 | g))), "~x")
})

test_that("groups expand as they do in lme4", {
  expect_equal(group_names(quote(g)), "g")
  expect_equal(group_names(quote(a:b)), "a:b")
  expect_equal(group_names(quote(a / b)), c("b:a", "a"))
  expect_equal(group_names(quote(a / b / c)), c("c:(b:a)", "b:a", "a"))
  expect_equal(group_names(quote(a * b)), c("a", "b", "a:b"))
  expect_equal(group_names(quote((a * b) / c)), c("c:(a:b)", "a", "b", "a:b"))
  expect_equal(group_names(quote(a + b)), c("a", "b"))
  expect_equal(group_names(quote(factor(a):substr(b, 1, 2))), "factor(a):substr(b, 1, 2)")
  expect_equal(vapply(expand_groups(quote(a:b:c), "t")[[1]]$parts, text_of, ""), c("a", "b", "c"))
})

test_that("a string is a formula, in the environment of the caller", {
  f <- function() {
    here <- 1
    as_formula("y ~ x + (1 | g)", environment())
  }
  formula <- f()
  expect_s3_class(formula, "formula")
  expect_true(exists("here", environment(formula), inherits = FALSE))
  expect_equal(bars_as_text(as_formula(quote(y ~ (1 | g)), globalenv())), "1 | g")
  expect_equal(bars_as_text(as_formula(c("y ~ x +", "(1 | g)"), globalenv())), "1 | g")
})

test_that("a dot stands for what the formula does not name otherwise", {
  d <- data.frame(y = 1, x = 1, z = 1, g = 1, `odd name` = 1, check.names = FALSE)
  parsed <- parse_formula(y ~ . - z + (x | g), d)
  expect_equal(attr(terms(parsed$fixed), "term.labels"), c("x", "`odd name`"))
  expect_equal(text_of(parse_formula(y ~ . + (1 | g), d[c("y", "g")])$fixed[[3]]), "(1)")
  expect_rlmm_error(parse_formula(y ~ . + (1 | g), globalenv()), "formula", "data frame")
})

test_that("malformed formulas are named", {
  read <- function(text) parse_formula(as_formula(text, globalenv()))
  expect_rlmm_error(read("y ~ x + (1 | )"), "formula", "lacks its group")
  expect_rlmm_error(read("y ~ x + (1 || )"), "formula", "lacks its group")
  expect_rlmm_error(read("y ~ x + ( | g)"), "formula", "lacks its left side")
  expect_rlmm_error(read("y ~ "), "formula", "right side is empty")
  expect_rlmm_error(read("y ~ x + ("), "formula", "not valid R syntax")
  expect_rlmm_error(read("x"), "formula", "must be a formula")
  expect_rlmm_error(read(data.frame()), "formula", "data.frame")
  expect_rlmm_error(read(~ x + (1 | g)), "formula", "no response")
  expect_rlmm_error(read("y ~ x + 1 | g"), "formula", "parentheses", "(1 | g)")
  expect_rlmm_error(read("y ~ x * (1 | g)"), "formula", "only be added", "(1 | g)")
  expect_rlmm_error(read("y ~ x - (1 | g)"), "formula", "leave it out", "(1 | g)")
  expect_rlmm_error(read("y ~ (1 | g | h)"), "formula", "more than one bar")
  expect_rlmm_error(read("y ~ (0 | g)"), "formula", "(0 | g)", "no effect",
    fields = list(term = "(0 | g)"))
  expect_rlmm_error(read("y ~ (1 | 1)"), "group", "not a grouping factor", "(1 | 1)")
  expect_rlmm_error(read("y ~ (1 | (a + b) / c)"), "formula", "one term for each")
  expect_rlmm_error(read("y ~ cs(x | g)"), "formula", "cs()", "not available")
  expect_rlmm_error(read("y ~ x"), "no_random_effects", "lm()")
  no_group <- call("~", quote(y), call("(", call("|", 1, quote(expr = ))))
  expect_rlmm_error(read(no_group), "formula", "lacks its group")
})
