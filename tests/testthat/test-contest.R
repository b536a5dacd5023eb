# contest(): against lmerTest, and hypotheses that cannot be tested.

test_that("t and F tests are lmerTest's", {
  set.seed(2)
  for (name in c("sleepstudy", "cake", "Oats", "dietox")) {
    fits <- df_fits(name)
    p <- length(fixef(fits$ours))
    L <- matrix(stats::rnorm(3 * p), 3)[seq_len(min(3, p)), ]
    for (ddf in c("Satterthwaite", "Kenward-Roger")) {
      expect_equal(contest(fits$ours, L, joint = FALSE, ddf = ddf),
        lmerTest::contest(fits$theirs, L, joint = FALSE, ddf = ddf), tolerance = 1e-4)
      expect_equal(contest(fits$ours, L, ddf = ddf), lmerTest::contest(fits$theirs, L, ddf = ddf),
        tolerance = 1e-4, label = paste(name, ddf))
      expect_equal(contest(fits$ours, L[1, ], ddf = ddf),
        lmerTest::contest(fits$theirs, L[1, ], ddf = ddf), tolerance = 1e-4)
    }
  }
})

test_that("either package's generic finds both packages' fits", {
  fits <- df_fits("sleepstudy")
  L <- diag(2)
  expect_equal(lmerTest::contest(fits$ours, L), contest(fits$ours, L))
  expect_equal(contest(fits$theirs, L), lmerTest::contest(fits$theirs, L))
  expect_rlmm_error(contest(1, L), "no_method", "numeric")
})

test_that("rows that depend on one another count once", {
  fit <- our_fit("cake")
  L <- diag(18)[2:4, ]
  more <- rbind(L, L[1, ] - 3 * L[2, ], 0)
  for (ddf in c("Satterthwaite", "Kenward-Roger")) {
    expect_equal(contest(fit, more, ddf = ddf), contest(fit, L, ddf = ddf))
  }
  expect_equal(contest(fit, more, rhs = c(1, 2, 3, -5, 0)), contest(fit, L, rhs = 1:3))
  expect_rlmm_error(contest(fit, more, rhs = c(1, 2, 3, 5, 0)), "bad_argument", "contradicts")
  expect_rlmm_error(contest(fit, 0 * L, rhs = 1), "bad_argument", "contradicts")
  expect_true(is.na(contest(fit, 0 * L)[["F value"]]))
})

test_that("a joint test does not depend on how the hypothesis is written", {
  fit <- our_fit("cake")
  L <- diag(18)[9:12, ]
  set.seed(1)
  other <- matrix(stats::rnorm(16), 4) %*% L
  rhs <- c(1, -1, 0, 2)
  for (ddf in c("Satterthwaite", "Kenward-Roger")) {
    expect_equal(contest(fit, other, ddf = ddf), contest(fit, L, ddf = ddf), tolerance = 1e-8)
  }
  # a far unit for one row
  far <- L * c(1, 1e9, 1e-9, 1)
  expect_equal(contest(fit, far, rhs = rhs * c(1, 1e9, 1e-9, 1)), contest(fit, L, rhs = rhs),
    tolerance = 1e-8)
})

test_that("rhs, level and names are taken up", {
  fit <- our_fit("slope")
  table <- contest(fit, rbind(start = c(1, 0), end = c(1, 9)), rhs = c(250, 340), joint = FALSE,
    level = 0.9)
  expect_equal(row.names(table), c("start", "end"))
  expect_equal(table[["t value"]], (table$Estimate - c(250, 340)) / table[["Std. Error"]])
  expect_equal(table$upper, table$Estimate + qt(0.95, table$df) * table[["Std. Error"]])
  expect_equal(2 * pt(-abs(table[["t value"]]), table$df), table[["Pr(>|t|)"]])
  expect_equal(contest(fit, c(Days = 2)), contest(fit, c(0, 2)))
  expect_equal(contest(fit, Matrix::Diagonal(2)), contest(fit, diag(2)))
  expect_false("lower" %in% names(contest(fit, c(0, 1), joint = FALSE, confint = FALSE)))
  several <- contest(fit, list(a = c(0, 1), b = diag(2)))
  expect_equal(row.names(several), c("a", "b"))
  expect_equal(several$NumDF, 1:2)
  expect_length(contest(fit, diag(2), joint = FALSE, collect = FALSE), 2)
})

test_that("without a method there is no p value", {
  fit <- our_fit("slope")
  table <- contest(fit, c(0, 1), joint = FALSE, ddf = "none")
  expect_equal(names(table), c("Estimate", "Std. Error", "t value", "lower", "upper"))
  expect_equal(table$upper, table$Estimate + qnorm(0.975) * table[["Std. Error"]])
  joint <- contest(fit, diag(2), ddf = "none")
  expect_true(is.na(joint[["Pr(>F)"]]))
  expect_equal(joint$DenDF, Inf)
})

test_that("what cannot be estimated is NA, or an error in a joint test", {
  fit <- our_fit("deficient")
  all <- colnames(full_fixed_matrix(fit))
  expect_equal(length(all), length(fixef(fit)) + 1L)
  # only Days + 2 * Days2 has a meaning
  L <- rbind(one = c(0, 1, 0, 0), other = c(0, 0, 1, 0), both = c(0, 1, 2, 0), z = c(0, 0, 0, 1))
  colnames(L) <- all
  expect_warning(table <- contest(fit, L, joint = FALSE), "'one' and 'other'",
    class = "rlmm_not_estimable")
  expect_equal(is.na(table$Estimate), c(TRUE, TRUE, FALSE, FALSE))
  expect_equal(table["both", "Estimate"], unname(fixef(fit)["Days"]))
  expect_rlmm_error(contest(fit, L), "not_estimable", "'one' and 'other'")
  expect_equal(contest(fit, L[3:4, ]), contest(fit, L[3:4, names(fixef(fit))]))
  expect_equal(contest(fit, L, joint = FALSE, check_estimability = FALSE)["one", "Estimate"],
    unname(fixef(fit)["Days"]))
})

test_that("arguments that do not fit are refused", {
  fit <- our_fit("slope")
  expect_rlmm_error(contest(fit, c(1, 2, 3)), "bad_argument", "2 coefficients")
  expect_rlmm_error(contest(fit, c(Dayz = 1)), "bad_argument", "'Dayz'")
  expect_rlmm_error(contest(fit, c(0, Inf)), "bad_argument", "finite")
  expect_rlmm_error(contest(fit, NULL), "bad_argument", "2 coefficients")
  expect_rlmm_error(contest(fit, list()), "bad_argument", "without hypotheses")
  expect_rlmm_error(contest(fit, c(0, 1), rhs = 1:2), "bad_argument", "'rhs'")
  expect_rlmm_error(contest(fit, c(0, 1), level = 2), "bad_argument", "'level'")
  expect_rlmm_error(contest(fit, c(0, 1), ddf = "residual"), "bad_argument", "'ddf'")
})
