skip_if_not_installed("multcomp")

tested <- function(test) {
  set.seed(1)
  parts <- summary(test)$test
  c(parts$coefficients, parts$sigma, parts$tstat, parts$pvalues)
}

test_that("general linear hypotheses are those of lmer's fit", {
  expect_as_lmer(multcomp::glht(x), take = tested, tolerance = 1e-3)
  expect_as_lmer(multcomp::glht(x, "Days = 5"), "slope", tested)
  expect_as_lmer(multcomp::glht(x, diag(2), rhs = c(250, 10), df = 17), "slope", tested,
    tolerance = 1e-3)
  tukey <- function(x, f) {
    multcomp::glht(x, do.call(multcomp::mcp, stats::setNames(list("Tukey"), f)))
  }
  expect_as_lmer(tukey(x, f), setdiff(with_factor, "deficient"), tested, tolerance = 1e-3)
  expect_as_lmer(multcomp::glht(x, multcomp::mcp(recipe = "Dunnett")), "cake", tested,
    tolerance = 1e-3)
  intervals <- function(test) {
    set.seed(1)
    confint(test)$confint
  }
  expect_as_lmer(multcomp::glht(x), take = intervals, tolerance = 1e-3)
  letters_of <- function(test) multcomp::cld(test)$mcletters$Letters
  expect_as_lmer(tukey(x, f), setdiff(with_factor, "deficient"), letters_of)
})

test_that("one-sided, averaged and emmeans' hypotheses are those of lmer's fit", {
  close <- 1e-3
  expect_as_lmer(multcomp::glht(x, c("recipeB <= 0", "recipeC <= 1")), c("cake", "deficient"),
    tested, tolerance = close)
  expect_as_lmer(multcomp::glht(x, multcomp::mcp(recipe = c("A - B = 0", "B - C = 1"))),
    c("cake", "deficient"), tested, tolerance = close)
  expect_as_lmer(multcomp::glht(x, multcomp::mcp(recipe = "Tukey", interaction_average = TRUE)),
    "cake", tested, tolerance = close)
  skip_if_not_installed("emmeans")
  for (name in c("slope", "cake", "weighted")) {
    means <- list(slope = ~ Days, cake = pairwise ~ recipe, weighted = pairwise ~ dose)[[name]]
    expect_as_lmer({
      hypotheses <- multcomp::glht(x, emmeans::lsm(means))
      if (inherits(hypotheses, "glht")) hypotheses else hypotheses[[length(hypotheses)]]
    }, name, tested, tolerance = close)
  }
})

test_that("another covariance can be given", {
  fit <- interop_fits("slope")$ours
  double <- multcomp::glht(fit, vcov. = function(x) 4 * vcov(x))
  expect_equal(tested(double)[3:4], 2 * tested(multcomp::glht(fit))[3:4], ignore_attr = TRUE)
  expect_equal(tested(multcomp::glht(fit, vcov. = 4 * vcov(fit)))[3:4], tested(double)[3:4])
})
