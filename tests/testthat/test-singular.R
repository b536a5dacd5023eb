test_that("isSingular() can say which term, and which direction", {
  found <- isSingular(our_fit("singular"), explain = TRUE)
  expect_equal(found$term, "1 | Batch")
  expect_match(found$text, "variance of (1 | Batch) is zero", fixed = TRUE)
  expect_equal(nrow(isSingular(our_fit("slope"), explain = TRUE)), 0)
  d <- method_data()
  set.seed(5)
  d$flat <- 10 + 2 * d$Days + rnorm(18)[d$Subject] * (d$Days - 2) + rnorm(180)
  fit <- suppressMessages(rlmm(flat ~ Days + (Days | Subject), d))
  expect_true(isSingular(fit))
  expect_match(isSingular(fit, explain = TRUE)$text, "Intercept.*Days.*no variance")
  expect_equal(isSingular(fit, explain = TRUE)$text, optinfo(fit)$messages)
})

test_that("columns of a term that depend on each other are named, and have no standard errors", {
  d <- method_data()
  expect_warning(fit <- rlmm(Reaction ~ Days + (Days + Days2 | Subject) + (1 | h), d),
    class = "rlmm_dependent_effects")
  w <- tryCatch(rlmm(Reaction ~ Days + (Days + Days2 | Subject), d), warning = identity)
  expect_equal(w$term, "Days + Days2 | Subject")
  expect_equal(w$column, c("(Intercept)", "Days", "Days2"))
  expect_match(conditionMessage(w), "the columns 'Days' and 'Days2' are linearly dependent")
  # the model itself is that without one of them
  whole <- suppressMessages(rlmm(Reaction ~ Days + (Days | Subject) + (1 | h), d))
  expect_equal(c(logLik(fit)), c(logLik(whole)), tolerance = 1e-8)
  expect_equal(fitted(fit), fitted(whole), tolerance = 1e-5)
  expect_true(all(is.na(variance_parameters(fit)$std_error[1:6])))
  expect_false(isSingular(our_fit("slope")))
  expect_match(paste(fit_log(fit)$conditions$kind, collapse = " "), "rlmm_dependent_effects")
})

test_that("columns of very different scale or far from zero are not called dependent", {
  d <- method_data()
  d$far <- d$Days + 1e4
  d$tiny <- d$z * 1e-9
  dependent <- function(formula, ...) {
    frame <- rlmm_frame(formula, d, ...)
    dependent_effects(frame$random, rep(1, theta_length(frame$random)))
  }
  for (formula in list(Reaction ~ 1 + (Days + z | Subject), Reaction ~ 1 + (far | Subject),
    Reaction ~ 1 + (tiny | Subject), Reaction ~ 1 + (poly(Days, 3) | Subject))) {
    expect_length(dependent(formula), 0)
  }
  none <- rlmm_control(check = list(nobs_vs_nRE = "ignore"))
  expect_length(dependent(Reaction ~ 1 + (0 + h + z | Subject), control = none), 0)
  d$zero <- 0
  expect_match(dependent(Reaction ~ 1 + (Days + zero | Subject))[[1]]$text, "column 'zero'")
})

test_that("a fit in steps has the dependent columns in its log", {
  frame <- rlmm_frame(Reaction ~ Days + (Days + Days2 | Subject), method_data())
  fit <- suppressWarnings(rlmm_object(frame, rlmm_optimize(rlmm_devfun(frame))))
  expect_equal(fit_log(fit)$conditions$kind, "rlmm_dependent_effects")
  expect_equal(fit_log(fit)$conditions$type, "warning")
})
