# multistart(), as.function() and lmList().

test_that("all starts reach the optimum of a good fit", {
  for (name in c("slope", "three", "weighted", "penicillin", "poly")) {
    fit <- our_fit(name)
    starts <- multistart(fit, n = 6, seed = 1)
    expect_s3_class(starts, "rlmm_multistart")
    expect_equal(nrow(starts$table), 7)
    expect_lt(max(starts$table$gap), 1e-6)
    expect_true(all(starts$table$certified))
    expect_false(starts$better)
    expect_equal(starts$theta[starts$best, ], getME(fit, "theta"), tolerance = 1e-4)
    expect_equal(starts$beta[starts$best, ], fixef(fit), tolerance = 1e-5)
  }
})

test_that("starts are random, and the same for the same seed", {
  fit <- our_fit("slope")
  one <- multistart(fit, n = 3, seed = 2)
  expect_identical(multistart(fit, n = 3, seed = 2), one)
  expect_equal(nrow(unique(one$starts)), 4)
  expect_true(all(is.na(one$starts[1, ])))
  # diagonals are positive
  expect_true(all(one$starts[-1, c(1, 3)] > 0))
})

test_that("the distribution of starts does not depend on scale and location of a column", {
  d <- method_data()
  d$far <- 1000 * d$Days + 5
  covariance <- function(data, formula) {
    frame <- rlmm_frame(formula, data)
    set.seed(3)
    frame$theta <- random_theta(frame$random)
    term <- frame$random[[1]]
    Z <- term$Z[1:10, ]
    Z %*% tcrossprod(lambda_list(frame)[[1]]) %*% t(Z)
  }
  expect_equal(covariance(d, Reaction ~ 1 + (Days | Subject)),
    covariance(d, Reaction ~ 1 + (far | Subject)), tolerance = 1e-6)
})

test_that("a lower criterion than that of the fit is reported", {
  fit <- our_fit("slope")
  poor <- rlmm_object(rebuilt_frame(fit), fit_frame(rebuilt_frame(fit)))
  poor$criterion <- fit$criterion + 1
  expect_warning(starts <- multistart(poor, n = 2, seed = 1), class = "rlmm_better_optimum")
  expect_true(starts$better)
  expect_output(print(starts), "HIGHER")
  expect_output(print(multistart(fit, n = 2, seed = 1)), "3 reached the lowest criterion")
})

test_that("wrong arguments are classed errors", {
  expect_rlmm_error(multistart(1), "no_method")
  expect_rlmm_error(multistart(our_fit("slope"), n = 0), "bad_argument", "'n'")
})

test_that("as.function gives the criterion as a function of theta", {
  for (name in c("slope", "slope_ml", "weighted", "penicillin", "deficient")) {
    fit <- our_fit(name)
    criterion <- as.function(fit)
    expect_equal(criterion(fit$theta), fit$criterion)
    skip_if_not_installed("lme4")
    # that of a fit changes the fit
    theirs <- fit_with(quote(lme4::lmer), name, devFunOnly = TRUE)
    theta <- fit$theta + 0.1
    expect_equal(criterion(theta), as.numeric(theirs(theta)), tolerance = 1e-8)
    expect_rlmm_error(criterion(1:9), "start")
  }
})

test_that("lmList is nlme's, and works on our data", {
  alone <- lmList(Reaction ~ Days | Subject, sleepstudy)
  expect_s3_class(alone, "lmList")
  first <- lm(Reaction ~ Days, sleepstudy, subset = Subject == "308")
  expect_equal(unlist(coef(alone)["308", ]), coef(first), ignore_attr = TRUE)
})

test_that("allFit() is another name, and its summary has lme4's parts", {
  fit <- our_fit("slope")
  found <- allFit(fit, n = 2, seed = 1, verbose = FALSE, maxfun = 10)
  expect_identical(found, multistart(fit, n = 2, seed = 1))
  parts <- summary(found)
  expect_named(parts, c("which.OK", "msgs", "fixef", "llik", "sdcor", "theta", "feval"))
  expect_named(parts$llik, c("default", "random1", "random2"))
  expect_equal(parts$fixef["random1", ], fixef(fit), tolerance = 1e-5)
  expect_equal(unname(parts$llik), rep(as.numeric(logLik(fit)), 3), tolerance = 1e-8)
  sdcor <- variance_parameters(fit)
  expect_equal(parts$sdcor["default", ], setNames(sdcor$estimate, sdcor$parameter),
    tolerance = 1e-5)
  expect_true(all(parts$which.OK))
  expect_rlmm_error(allFit(1), "no_method")
})
