# Degrees of freedom of contrasts against lmerTest and pbkrtest, on fits of lme4 at a tight optimum.

test_that("Satterthwaite's df are lmerTest's", {
  for (name in names(df_cases)) {
    fits <- df_fits(name)
    L <- diag(length(fixef(fits$ours)))
    expect_equal(contrast_df(fits$ours, L), unname(coef(summary(fits$theirs))[, "df"]),
      tolerance = 1e-5, label = name)
  }
})

test_that("Kenward and Roger's df and covariance are pbkrtest's", {
  for (name in names(df_cases)) {
    fits <- df_fits(name)
    L <- diag(length(fixef(fits$ours)))
    theirs <- pbkrtest::vcovAdj(fits$theirs)
    df <- apply(L, 1L, pbkrtest::Lb_ddf, V0 = as.matrix(vcov(fits$theirs)), Vadj = theirs)
    expect_equal(contrast_df(fits$ours, L, "Kenward-Roger"), df, tolerance = 1e-5, label = name)
    V <- vcov_for_tests(fits$ours, "Kenward-Roger")
    expect_equal(V, as.matrix(theirs), tolerance = 1e-5, ignore_attr = TRUE, label = name)
    expect_equal(dimnames(V), dimnames(vcov(fits$ours)))
  }
})

test_that("without a method there are no df", {
  fit <- our_fit("slope")
  expect_equal(contrast_df(fit, diag(2), "none"), c(Inf, Inf))
  expect_equal(vcov_for_tests(fit, "none"), vcov(fit))
  expect_equal(vcov_for_tests(fit, "Satterthwaite"), vcov(fit))
})

test_that("where the degrees of freedom are exact, tests are those of nlme, too", {
  # balanced split plots: what nlme finds by counting
  d <- df_data("Oats", "nlme")
  d$dose <- factor(d$nitro)
  ours <- rlmm(yield ~ dose * Variety + (1 | Block / Variety), d)
  their_fit <- function(...) nlme::lme(yield ~ dose * Variety, d, ~ 1 | Block / Variety, ...,
    control = nlme::lmeControl(tolerance = 1e-10, msTol = 1e-12))
  theirs <- their_fit()
  # its tests of main effects are of type III in a coding where terms are orthogonal
  sums <- their_fit(contrasts = list(dose = "contr.sum", Variety = "contr.sum"))
  expected <- anova(sums, type = "marginal")[-1, ]
  for (ddf in c("Satterthwaite", "Kenward-Roger")) {
    table <- anova(ours, ddf = ddf)[c("dose", "Variety", "dose:Variety"), ]
    expect_equal(table$NumDF, expected$numDF)
    expect_equal(table$DenDF, expected$denDF, tolerance = 1e-5)
    expect_equal(table[["F value"]], expected[["F-value"]], tolerance = 1e-5)
    expect_equal(table[["Pr(>F)"]], expected[["p-value"]], tolerance = 1e-4)
  }
  expect_equal(coef(summary(ours))[, c("Estimate", "Std. Error")],
    summary(theirs)$tTable[, c("Value", "Std.Error")], tolerance = 1e-5, ignore_attr = TRUE)
})
