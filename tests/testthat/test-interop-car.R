skip_if_not_installed("car")

test_that("tests of terms are those of lmer's fit", {
  with_terms <- c("slope", "cake", "deficient", "weighted")
  expect_as_lmer(car::Anova(x), with_terms)
  expect_as_lmer(car::Anova(x, type = 3))
  expect_as_lmer(car::Anova(x, type = "III", vcov. = 2 * as.matrix(vcov(x))), with_terms)
  skip_if_not_installed("pbkrtest")
  # of 'weighted' pbkrtest's df exceed the number of rows: it does not know weights
  expect_as_lmer(car::Anova(x, test.statistic = "F"), c("slope", "cake", "deficient"))
  expect_as_lmer(car::Anova(x, type = "III", test.statistic = "F"),
    c("slope", "cake", "deficient", "penicillin"))
})

test_that("rows and headings name what was tested", {
  fit <- interop_fits("cake")$ours
  table <- car::Anova(fit, type = 3, test.statistic = "F", ddf = "Satterthwaite")
  expect_equal(rownames(table), c("(Intercept)", "recipe", "temperature", "recipe:temperature"))
  expect_match(attr(table, "heading")[1], "Satterthwaite")
  expect_output(print(table), "Df.res")
  expect_rlmm_error(car::Anova(fit, test.statistic = "F", vcov. = vcov(fit)), "bad_argument",
    "vcov.")
})

test_that("linear hypotheses", {
  F_values <- function(table) lapply(table[c("Df", "F", "Pr(>F)")], function(column) column[2])
  expect_as_lmer(car::linearHypothesis(x, "Days = 5"), "slope", function(table) table$Chisq[2])
  expect_as_lmer(car::linearHypothesis(x, c("(Intercept) = 0", "Days = 0"), test = "F"), "slope",
    F_values)
  expect_as_lmer(car::linearHypothesis(x, car::matchCoefs(x, "recipe")), c("cake", "deficient"),
    function(table) table$Chisq[2])
  expect_as_lmer(car::linearHypothesis(x, diag(2)), "slope", function(table) table$Chisq[2])
  expect_as_lmer(car::linearHypothesis(x, "doselow = dosenone"), "weighted",
    function(table) table$Chisq[2])

  # of an lmer fit, car 3.1-1 tests zero by F, whatever the right side says
  skip_if_not_installed("pbkrtest")
  fits <- interop_fits("slope")
  ours <- car::linearHypothesis(fits$ours, c("(Intercept) = 240", "Days = 9"), test = "F")
  theirs <- pbkrtest::KRmodcomp(fits$theirs, diag(2), betaH = c(240, 9))$stats
  expect_equal(F_values(ours), theirs[c("ndf", "Fstat", "p.value")], tolerance = 1e-4,
    ignore_attr = TRUE)
})

test_that("collinearity and functions of coefficients", {
  expect_as_lmer(car::vif(x), c("cake", "deficient", "weighted"))
  expect_error(car::vif(interop_fits("slope")$ours), class = "rlmm_error")
  expect_as_lmer(car::deltaMethod(x, "`(Intercept)` / Days"), "slope")
  expect_as_lmer(car::deltaMethod(x, "b2 / b1", parameterNames = paste0("b", seq_along(
    lme4::fixef(x)))), setdiff(names(interop_models), "penicillin"))
  expect_as_lmer(car::Confint(x, level = 0.9), c("slope", "weighted"))
})

test_that("pictures and diagnostics", {
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  expect_as_lmer(car::influencePlot(x), c("slope", "weighted"))
  expect_as_lmer(car::outlierTest(x), "slope", function(test) test[c("rstudent", "p", "signif")])
  expect_no_error(car::infIndexPlot(interop_fits("slope")$ours))
  expect_no_error(car::infIndexPlot(influence(interop_fits("slope")$ours, "Subject")))
  expect_as_lmer(car::powerTransform(x)$lambda, "slope")
  expect_as_lmer(car::S(x)$coefficients, "slope")
})
