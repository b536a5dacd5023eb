test_that("VarCorr is lme4's, by name", {
  models <- c("slope", "split", "three", "weighted", "penicillin", "pastes", "singular", "poly",
    "insteval")
  for (name in models) {
    ours <- VarCorr(our_fit(name))
    theirs <- nlme::VarCorr(lme4_fit(name))
    expect_named(ours, names(theirs))
    for (term in names(ours)) {
      expect_equal(plain(ours[[term]]), plain(theirs[[term]]), tolerance = 1e-3, label = name)
      expect_equal(attr(ours[[term]], "stddev"), attr(theirs[[term]], "stddev"),
        tolerance = 1e-3, label = name)
      expect_equal(attr(ours[[term]], "correlation"), attr(theirs[[term]], "correlation"),
        tolerance = 1e-3, label = name)
    }
    expect_equal(attr(ours, "sc"), attr(theirs, "sc"), tolerance = 1e-4, label = name)
    expect_true(attr(ours, "useSc"))
  }
})

test_that("its data frame is lme4's in both orders", {
  for (name in c("slope", "split", "three")) {
    for (order in c("cov.last", "lower.tri")) {
      expect_equal(as.data.frame(VarCorr(our_fit(name)), order = order),
        as.data.frame(nlme::VarCorr(lme4_fit(name)), order = order), tolerance = 1e-3)
    }
  }
})

test_that("it prints lme4's table", {
  for (name in c("slope", "split", "three", "penicillin")) {
    theirs <- nlme::VarCorr(lme4_fit(name))
    ours <- structure(unclass(theirs), class = class(VarCorr(our_fit(name))))
    for (comp in list("Std.Dev.", "Variance", c("Variance", "Std.Dev."))) {
      expect_equal(capture.output(print(ours, comp = comp, corr = TRUE)),
        capture.output(print(theirs, comp = comp)))
    }
  }
  numbers <- function(x, digits) sprintf("<%.2f>", x)
  expect_output(print(VarCorr(our_fit("slope")), formatter = numbers), "<24.74>")
  expect_error(print(VarCorr(our_fit("slope")), comp = "sd"))
})

test_that("another residual standard deviation scales all", {
  fit <- our_fit("slope")
  expect_equal(plain(VarCorr(fit, sigma = 1)$Subject * sigma(fit)^2), plain(VarCorr(fit)$Subject))
})

test_that("covariances are printed in place of correlations where only variances are", {
  found <- VarCorr(our_fit("slope"))
  covariance <- found$Subject[2, 1]
  expect_output(print(found, comp = "Variance"), "Cov")
  expect_output(print(found, comp = "Variance"), format(covariance, digits = 5), fixed = TRUE)
  expect_output(print(found, comp = "Variance", corr = TRUE), "Corr")
  expect_output(print(found, corr = FALSE), "Std.Dev. Cov")
  expect_output(print(our_fit("slope"), ranef.comp = "Variance"), "Variance Cov")
  expect_output(print(our_fit("slope"), ranef.corr = FALSE), "Std.Dev. Cov")
  expect_output(print(our_fit("three"), ranef.comp = "Variance"), "Cov")
})
