test_that("residuals and fitted values are lme4's, padded after na.exclude", {
  for (name in c("slope", "weighted", "offset", "exclude", "three", "deficient", "cake",
    "insteval")) {
    ours <- our_fit(name)
    theirs <- lme4_fit(name)
    expect_equal(fitted(ours), fitted(theirs), tolerance = 1e-4, label = name)
    for (type in c("response", "pearson", "working", "deviance")) {
      for (scaled in c(FALSE, TRUE)) {
        expect_equal(residuals(ours, type = type, scaled = scaled),
          residuals(theirs, type = type, scaled = scaled), tolerance = 1e-3, label = name)
      }
    }
  }
  expect_length(residuals(our_fit("exclude")), 180)
  expect_identical(unname(which(is.na(fitted(our_fit("exclude"))))), c(3L, 50L))
  expect_error(residuals(our_fit("slope"), type = "partial"))
})

test_that("nlme's and stats' short names work", {
  fit <- our_fit("slope")
  expect_equal(resid(fit), residuals(fit))
  expect_equal(fitted.values(fit), fitted(fit))
})
