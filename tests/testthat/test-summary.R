test_that("the coefficients and other components are lme4's", {
  for (name in c("slope", "slope_ml", "three", "cake", "deficient")) {
    ours <- summary(our_fit(name), ddf = "none")
    theirs <- summary(lme4_fit(name))
    expect_equal(coef(ours), coef(theirs), tolerance = 1e-3, label = name)
    expect_equal(ours$AICtab, unlist(theirs$AICtab), tolerance = 1e-6, label = name)
    expect_equal(ours$sigma, theirs$sigma, tolerance = 1e-4, label = name)
    expect_equal(ours$ngrps, theirs$ngrps, label = name)
    expect_equal(unname(ours$residuals), unname(theirs$residuals), tolerance = 1e-3, label = name)
    expect_true(all(setdiff(names(theirs), "optinfo") %in% names(ours)))
  }
})

test_that("the printed summary has lme4's lines", {
  for (name in c("slope", "slope_ml", "split", "three", "weighted", "penicillin", "offset",
    "insteval")) {
    expect_equal(layout_of(capture.output(print(summary(our_fit(name), ddf = "none")))),
      layout_of(capture.output(print(summary(lme4_fit(name))))), label = name)
  }
})

test_that("correlations are shown up to twelve columns, and on demand", {
  d <- method_data()
  d$f <- factor(rep(1:15, 12))
  many <- summary(rlmm(Reaction ~ f + (1 | Subject), d))
  expect_output(print(many), "not shown")
  expect_output(print(many, correlation = TRUE), "Correlation of Fixed Effects")
  few <- summary(our_fit("slope"))
  expect_output(print(few), "Correlation of Fixed Effects")
  expect_output(print(few, symbolic.cor = TRUE), "Correlation of Fixed Effects")
  hidden <- capture.output(print(few, correlation = FALSE))
  expect_false(any(grepl("Correlation", hidden)))
  expect_false(any(grepl("Scaled", capture.output(print(few, show.resids = FALSE)))))
})

test_that("the summary answers coef, vcov, VarCorr and logLik", {
  s <- summary(our_fit("slope"))
  fit <- our_fit("slope")
  expect_equal(rownames(coef(s)), names(fixef(fit)))
  expect_equal(vcov(s), vcov(fit))
  expect_equal(VarCorr(s), VarCorr(fit))
  expect_equal(logLik(s), logLik(fit))
})

test_that("t tests are in lmerTest's layout, and are its tests", {
  for (name in c("sleepstudy", "cake", "Penicillin", "Oats")) {
    fits <- df_fits(name)
    for (ddf in c("Satterthwaite", "Kenward-Roger")) {
      ours <- summary(fits$ours, ddf = ddf)
      theirs <- summary(fits$theirs, ddf = ddf)
      expect_equal(coef(ours), coef(theirs), tolerance = 1e-4, label = paste(name, ddf))
      expect_equal(layout_of(capture.output(print(ours, correlation = TRUE))),
        layout_of(capture.output(suppressMessages(print(theirs, correlation = TRUE)))),
        label = paste(name, ddf))
    }
  }
})

test_that("the title names the method", {
  fit <- our_fit("slope")
  title <- function(...) capture.output(print(summary(fit, ...)))[1L]
  expect_match(title(), "by REML. t-tests use Satterthwaite's method ['rlmm']", fixed = TRUE)
  expect_match(title(ddf = "Kenward-Roger"), "Kenward-Roger's method", fixed = TRUE)
  expect_match(title(vcov = "CR2"), "CR2 standard errors clustered by Subject", fixed = TRUE)
  expect_no_match(title(ddf = "none"), "t-tests", fixed = TRUE)
  expect_rlmm_error(summary(fit, ddf = "containment"), "bad_argument", "'Kenward-Roger'")
})

test_that("the covariance of a summary is that of its tests", {
  fit <- our_fit("cake")
  adjusted <- vcov(summary(fit, ddf = "Kenward-Roger"))
  expect_equal(sqrt(diag(adjusted)),
    coef(summary(fit, ddf = "Kenward-Roger"))[, "Std. Error"])
  expect_equal(vcov(summary(fit, vcov = "CR1")), vcov(fit, type = "CR1"))
})

test_that("a model without fixed effects has a summary", {
  fit <- rlmm(Reaction ~ 0 + (1 | Subject), sleepstudy)
  for (ddf in ddf_methods) {
    expect_equal(nrow(coef(summary(fit, ddf = ddf))), 0)
    expect_output(print(summary(fit, ddf = ddf)), "No fixed effect coefficients")
  }
})
