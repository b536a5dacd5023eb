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
