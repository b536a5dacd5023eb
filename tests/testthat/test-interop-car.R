skip_if_not_installed("car")

test_that("tests of terms are those of lmer's fit", {
  expect_as_lmer(car::Anova(x), with_terms)
  expect_as_lmer(car::Anova(x, type = 3))
  expect_as_lmer(car::Anova(x, type = "III", vcov. = 2 * as.matrix(vcov(x))), with_terms)
  skip_if_not_installed("pbkrtest")
  expect_as_lmer(car::Anova(x, test.statistic = "F"), setdiff(with_terms, "weighted"))
  expect_as_lmer(car::Anova(x, type = "III", test.statistic = "F"), unweighted)
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
  chi_square <- function(table) table[2L, c("Chisq", "Df", "Pr(>Chisq)")]
  expect_as_lmer(car::linearHypothesis(x, car::matchCoefs(x, f)), with_factor, chi_square)
  first <- function(x) c(1, rep(0, length(lme4::fixef(x)) - 1))
  expect_as_lmer(car::linearHypothesis(x, first(x)), take = chi_square)
  expect_as_lmer(car::linearHypothesis(x, "doselow = dosenone"), "weighted",
    function(table) table$Chisq[2])

  # of an lmer fit, car 3.1-1 tests zero by F and of a matrix, whatever the right side says
  slope <- interop_fits("slope")$ours
  expect_equal(car::linearHypothesis(slope, c(1, 0), rhs = 3)$Chisq[2],
    (fixef(slope)[[1]] - 3)^2 / vcov(slope)[1, 1])
  skip_if_not_installed("pbkrtest")
  expect_as_lmer(car::linearHypothesis(x, car::matchCoefs(x, f), test = "F"),
    setdiff(with_factor, "weighted"), F_values)
  fits <- interop_fits("slope")
  ours <- car::linearHypothesis(fits$ours, c("(Intercept) = 240", "Days = 9"), test = "F")
  theirs <- pbkrtest::KRmodcomp(fits$theirs, diag(2), betaH = c(240, 9))$stats
  expect_equal(F_values(ours), theirs[c("ndf", "Fstat", "p.value")], tolerance = 1e-4,
    ignore_attr = TRUE)
})

test_that("collinearity and functions of coefficients", {
  expect_as_lmer(car::vif(x), setdiff(with_terms, c("slope", "split")))
  expect_error(car::vif(interop_fits("slope")$ours), class = "rlmm_error")
  expect_as_lmer(car::deltaMethod(x, "`(Intercept)` / Days"), "slope")
  expect_as_lmer(car::deltaMethod(x, "exp(b1 / 100)", parameterNames = paste0("b",
    seq_along(lme4::fixef(x)))))
  expect_as_lmer(car::Confint(x, level = 0.9))
})

test_that("pictures and diagnostics", {
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  # it notes the rows of the largest leverage, which in balanced data are many
  expect_as_lmer(car::influencePlot(x), c("slope", "cake", "pigs", "singular", "weighted"))
  expect_as_lmer(car::outlierTest(x), c("slope", "cake", "pigs", "oats", "penicillin"),
    function(test) test[c("rstudent", "p", "signif")])
  expect_no_error(car::infIndexPlot(interop_fits("slope")$ours))
  expect_no_error(car::infIndexPlot(influence(interop_fits("slope")$ours, "Subject")))
  expect_as_lmer(car::powerTransform(x)$lambda, c("slope", "cake"))
  expect_as_lmer(car::S(x)$coefficients)
})
