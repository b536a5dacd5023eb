skip_if_not_installed("performance")
skip_if_not_installed("insight")

test_that("quality of a fit", {
  expect_as_lmer(unlist(performance::r2(x)))
  expect_as_lmer(unlist(performance::r2_nakagawa(x)))
  expect_as_lmer(unlist(performance::icc(x)))
  expect_as_lmer(performance::icc(x, by_group = TRUE), c("cake", "penicillin"))
  expect_as_lmer(data.frame(performance::model_performance(x)))
  expect_as_lmer(performance::performance_aic(x))
  expect_as_lmer(performance::performance_aicc(x))
  expect_as_lmer(performance::performance_rmse(x))
  expect_as_lmer(performance::performance_mae(x), "slope")
})

test_that("checks of a fit", {
  expect_as_lmer(as.logical(performance::check_convergence(x)))
  expect_as_lmer(performance::check_singularity(x))
  expect_as_lmer(as.numeric(performance::check_normality(x)))
  expect_as_lmer(as.numeric(performance::check_heteroscedasticity(x)), c("slope", "cake"))
  expect_as_lmer(performance::check_collinearity(x), "weighted")
  expect_as_lmer(as.logical(performance::check_outliers(x)), "slope")
  seeded <- function(x) {
    set.seed(1)
    parts <- performance::check_model(x)
    parts[setdiff(names(parts), "PP_CHECK")]
  }
  expect_as_lmer(seeded(x), c("slope", "cake"))
  set.seed(1)
  ours <- performance::check_predictions(interop_fits("slope")$ours, iterations = 3)
  expect_equal(dim(ours), c(180L, 4L))
})

test_that("models are compared", {
  small <- lapply(interop_fits("slope"), function(fit) update(fit, . ~ . - Days))
  other <- function(x) if (inherits(x, "rlmm")) small$ours else small$theirs
  compared <- function(x) {
    big <- x
    little <- other(x)
    data.frame(performance::compare_performance(big, little))
  }
  expect_as_lmer(compared(x), "slope")
  tested <- function(x) {
    big <- x
    little <- other(x)
    data.frame(performance::test_performance(big, little))
  }
  expect_as_lmer(tested(x), "slope")
})

test_that("a singular fit is told", {
  expect_true(performance::check_singularity(our_fit("singular")))
  expect_true(as.logical(performance::check_convergence(our_fit("singular"))))
})
