skip_if_not_installed("insight")

formulas_as_text <- function(x) rapply(unclass(x), function(f) deparse1(f), "formula", how = "list")

test_that("insight finds what it finds in lmer's fit", {
  expect_as_lmer(formulas_as_text(insight::find_formula(x)))
  expect_as_lmer(insight::find_parameters(x))
  expect_as_lmer(insight::find_parameters(x, effects = "random", flatten = TRUE))
  expect_as_lmer(insight::find_predictors(x))
  expect_as_lmer(insight::find_random(x, split_nested = TRUE, flatten = TRUE))
  expect_as_lmer(insight::find_random_slopes(x))
  expect_as_lmer(insight::find_response(x))
  expect_as_lmer(insight::find_terms(x))
  expect_as_lmer(insight::find_variables(x))
  expect_as_lmer(insight::find_weights(x))
  expect_as_lmer(insight::find_interactions(x))
  expect_as_lmer(insight::clean_parameters(x))
  expect_as_lmer(insight::is_mixed_model(x))
  expect_as_lmer(insight::model_info(x))
  expect_as_lmer(insight::n_parameters(x))
  expect_as_lmer(insight::n_obs(x))
})

test_that("insight gets the same numbers", {
  expect_as_lmer(insight::get_parameters(x))
  expect_as_lmer(insight::get_parameters(x, effects = "random"))
  expect_as_lmer(insight::get_statistic(x))
  expect_as_lmer(as.matrix(insight::get_varcov(x)))
  # of lmer's fit with (x || g) it leaves the variances of the slopes out
  expect_as_lmer(insight::get_variance(x), setdiff(names(interop_models), c("singular", "split")))
  expect_as_lmer(insight::get_sigma(x))
  expect_as_lmer(insight::get_df(x))
  expect_as_lmer(insight::get_df(x, type = "wald"))
  expect_as_lmer(insight::get_df(x, type = "model"))
  expect_as_lmer(as.numeric(insight::get_loglikelihood(x)))
  expect_as_lmer(insight::get_deviance(x))
  expect_as_lmer(as.vector(insight::get_modelmatrix(x)))
  expect_as_lmer(insight::get_response(x))
  expect_as_lmer(insight::get_residuals(x))
  expect_as_lmer(insight::get_intercept(x))
  expect_as_lmer(insight::get_random(x), unweighted)
  expect_as_lmer(insight::get_weights(x))
  expect_as_lmer(insight::link_inverse(x)(2))
  expect_as_lmer(insight::link_function(x)(2))
  expect_as_lmer(as.logical(insight::is_converged(x)))
})

test_that("degrees of freedom by coefficient", {
  skip_if_not_installed("lmerTest")
  skip_if_not_installed("pbkrtest")
  expect_as_lmer(insight::get_df(x, type = "satterthwaite"))
  expect_as_lmer(as.vector(insight::get_df(x, type = "kenward-roger")), unweighted)
})

test_that("data are those of the fit", {
  sorted <- function(d) d[sort(names(d))]
  expect_as_lmer(insight::get_data(x), take = sorted)
  # of 'weighted', insight gives for lmer's fit the rows that were left out and the weights, too
  expect_as_lmer(insight::get_data(x, effects = "random"), unweighted, sorted)
  fit <- local({
    hidden <- method_data()
    rlmm(log(Reaction) ~ poly(Days, 2) + (1 | Subject), hidden)
  })
  expect_named(insight::get_data(fit), c("Reaction", "Days", "Subject"))
})

test_that("predictions have their limits", {
  expect_as_lmer(as.data.frame(insight::get_predicted(x, ci = 0.9, include_random = FALSE)),
    c("slope", "penicillin", "pigs", "singular", "weighted"))
  new <- data.frame(Days = c(0, 12), Subject = c("308", "309"))
  expect_as_lmer(as.numeric(insight::get_predicted(x, data = new)), "slope")
  expect_as_lmer(as.data.frame(insight::get_predicted(x, data = new[1], ci = 0.8)), "slope")
  ours <- insight::get_predicted(interop_fits("slope")$ours, data = new, ci = 0.95)
  direct <- predict(interop_fits("slope")$ours, new, interval = "confidence", df = 174)
  expect_equal(as.data.frame(ours)[c("Predicted", "CI_low", "CI_high")], as.data.frame(direct),
    ignore_attr = TRUE)
})

test_that("a singular fit has its variances", {
  fit <- our_fit("singular")
  parts <- insight::get_variance(fit)
  expect_equal(parts$var.random, 0)
  expect_equal(parts$var.residual, sigma(fit)^2)
})

test_that("a fit made in a function has its data and its null model", {
  fit_it <- function(fitter, d) fitter(Reaction ~ Days + (1 | Subject), d)
  ours <- fit_it(rlmm::rlmm, rlmm::sleepstudy)
  skip_if_not_installed("lme4")
  theirs <- fit_it(lme4::lmer, rlmm::sleepstudy)
  expect_message(empty <- insight::null_model(ours), "'d' are not found")
  expect_equal(fixef(empty), lme4::fixef(insight::null_model(theirs)), tolerance = 1e-6)
  d <- "another object of this name"
  expect_equal(fixef(suppressMessages(update(ours, . ~ . - Days))), fixef(empty))
  expect_equal(nobs(update(ours, data = rlmm::sleepstudy[1:100, ])), 100)
})

test_that("rows that na.exclude() left out have no weights", {
  d <- rlmm::sleepstudy
  d$Reaction[c(3, 50)] <- NA
  fit <- rlmm(Reaction ~ Days + (1 | Subject), d, weights = Days + 1, na.action = na.exclude)
  expect_equal(insight::get_weights(fit), d$Days[-c(3, 50)] + 1)
  expect_null(insight::get_weights(update(fit, weights = NULL)))
  skip_if_not_installed("ggeffects")
  cells <- ggeffects::ggpredict(fit, "Days [0, 9]")
  expect_equal(cells$predicted, unname(predict(fit, data.frame(Days = c(0, 9)), re.form = NA)))
})

test_that("variances of (x || g) are counted, each", {
  fit <- interop_fits("split")$ours
  variances <- as.data.frame(VarCorr(fit))$vcov
  d <- interop_data()$interop_sleep
  expect_equal(insight::get_variance(fit)$var.random,
    variances[1] + variances[2] * mean(d$Days^2), tolerance = 1e-8)
})
