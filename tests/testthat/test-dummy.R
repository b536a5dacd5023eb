phases <- function() {
  transform(sleepstudy, phase = cut(Days, c(-1, 1, 4, 9), c("before", "early", "late")))
}

test_that("dummy() is lme4's", {
  skip_if_not_installed("lme4")
  f <- phases()$phase
  expect_equal(plain(dummy(f)), plain(lme4::dummy(f)), ignore_attr = "dimnames")
  expect_equal(colnames(dummy(f)), colnames(lme4::dummy(f)))
  expect_equal(as.vector(dummy(f, "late")), as.vector(lme4::dummy(f, "late")))
  expect_equal(colnames(dummy(f, c("late", "before"))), c("late", "before"))
  d <- phases()
  ours <- rlmm(Reaction ~ phase + (1 | Subject) + (0 + dummy(phase, "late") | Subject), d)
  theirs <- lme4::lmer(Reaction ~ phase + (1 | Subject) +
    (0 + lme4::dummy(phase, "late") | Subject), d)
  expect_equal(plain(logLik(ours)), plain(logLik(theirs)), tolerance = 1e-7)
})

test_that("a fit remembers the levels for prediction", {
  d <- phases()
  for (data in list(d, transform(d, phase = as.character(phase)))) {
    fit <- rlmm(Reaction ~ dummy(phase) + (0 + dummy(phase, "late") | Subject), data)
    for (part in c("before", "late")) {
      rows <- which(data$phase == part)
      expect_equal(predict(fit, data[rows, ]), fitted(fit)[rows])
    }
    expect_error(predict(fit, transform(data[1:2, ], phase = "never")), "never",
      class = "rlmm_error")
  }
})

test_that("missing values stay missing, and unknown levels are errors", {
  f <- c("a", NA, "b")
  expect_equal(as.vector(dummy(f)), c(0, NA, 1))
  expect_true(is.matrix(dummy(f)[1:2, , drop = FALSE]))
  d <- phases()
  d$phase[3] <- NA
  fit <- rlmm(Reaction ~ dummy(phase) + (1 | Subject), d, na.action = na.exclude)
  expect_equal(nobs(fit), 179)
  expect_true(is.na(fitted(fit)[3]))
  expect_error(dummy(d$phase, "never"), "never", class = "rlmm_unknown_name")
})
