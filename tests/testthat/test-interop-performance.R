skip_if_not_installed("performance")
skip_if_not_installed("insight")

test_that("quality of a fit", {
  # of a singular lmer fit insight gives no variances, of (x || g) not all
  regular <- setdiff(names(interop_models), c("singular", "split"))
  expect_as_lmer(unlist(performance::r2(x)), regular)
  expect_as_lmer(unlist(performance::r2_nakagawa(x)), regular)
  expect_as_lmer(unlist(performance::icc(x)), regular)
  expect_as_lmer(performance::icc(x, by_group = TRUE), c("cake", "penicillin"))
  expect_as_lmer(data.frame(performance::model_performance(x)))
  expect_as_lmer(performance::performance_aic(x))
  expect_as_lmer(performance::performance_aicc(x))
  expect_as_lmer(performance::performance_rmse(x))
  expect_as_lmer(performance::performance_mae(x),
    c("slope", "penicillin", "pigs", "singular", "weighted"))
})

test_that("checks of a fit", {
  expect_as_lmer(as.logical(performance::check_convergence(x)))
  expect_as_lmer(performance::check_singularity(x))
  expect_as_lmer(as.numeric(performance::check_normality(x)))
  expect_as_lmer(as.numeric(performance::check_heteroscedasticity(x)))
  expect_as_lmer(performance::check_collinearity(x)[c("Term", "VIF", "SE_factor", "Tolerance")],
    setdiff(with_terms, c("slope", "split")))
  expect_as_lmer(as.logical(performance::check_outliers(x)))
  seeded <- function(x) {
    set.seed(1)
    parts <- performance::check_model(x)
    parts[setdiff(names(parts), "PP_CHECK")]
  }
  expect_as_lmer(seeded(x))
  set.seed(1)
  ours <- performance::check_predictions(interop_fits("slope")$ours, iterations = 3)
  expect_equal(dim(ours), c(180L, 4L))
})

# The model with the same random effects and nothing else.
without_predictors <- function(x) {
  bars <- regmatches(deparse1(formula(x)), regexpr("[(]1 [|].*|[(][A-Za-z]+ [|].*",
    deparse1(formula(x))))
  suppressMessages(update(x, stats::as.formula(paste(". ~", bars))))
}

test_that("models are compared", {
  compared <- function(x) {
    big <- x
    little <- without_predictors(x)
    data.frame(performance::compare_performance(big, little))
  }
  # without its predictors 'weighted' has more rows
  complete <- setdiff(with_terms, c("weighted", "split"))
  expect_as_lmer(compared(x), complete)
  tested <- function(x) {
    big <- x
    little <- without_predictors(x)
    data.frame(performance::test_performance(big, little))
  }
  expect_as_lmer(tested(x), complete)
})

test_that("a singular fit is told", {
  expect_true(performance::check_singularity(our_fit("singular")))
  expect_true(as.logical(performance::check_convergence(our_fit("singular"))))
})
