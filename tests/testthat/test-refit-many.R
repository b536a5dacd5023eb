# refit() of many responses: one parallel call, whatever the responses are like.

noisy <- function(fit, n, seed = 9) {
  set.seed(seed)
  y <- model.frame(fit)[[1]]
  Y <- y + matrix(rnorm(length(y) * n, 0, sigma(fit)), length(y))
  colnames(Y) <- paste0("gene", seq_len(n))
  Y
}

test_that("a hundred responses have the criterion and the estimates of single fits", {
  fit <- our_fit("three")
  Y <- noisy(fit, 100)
  many <- refit(fit, Y)
  table <- as.data.frame(many, what = "fit")
  expect_equal(table$response, colnames(Y))
  expect_true(all(table$certified))
  for (j in c(1, 50, 100)) {
    d <- method_data()
    d$y <- Y[, j]
    one <- suppressMessages(
      rlmm(y ~ Days + z + (1 | Subject) + (0 + Days + z | Subject) + (1 | h), d))
    expect_equal(table$criterion[j], one$criterion, tolerance = 1e-12)
    expect_equal(many$theta[j, ], one$theta, tolerance = 1e-9, ignore_attr = TRUE)
    terms <- c("Subject", "Subject.1", "h")
    expect_equal(many$singular[j, ], setNames(vapply(terms, function(name) {
      any(grepl(switch(name, Subject = "(1 | Subject)", Subject.1 = "(0 + Days + z | Subject)",
        "(1 | h)"), one$optinfo$messages, fixed = TRUE))
    }, NA), c("Subject", "Subject.1", "h")))
  }
})

test_that("the number of threads does not matter", {
  fit <- our_fit("penicillin")
  Y <- noisy(fit, 60)
  with_threads <- function(n) refit(fit, Y, control = rlmm_control(threads = n))
  one <- with_threads(1)
  expect_identical(with_threads(2), one)
  expect_identical(with_threads(8), one)
})

test_that("each response has its own missing values", {
  fit <- our_fit("weighted")
  Y <- noisy(fit, 12)
  for (j in 2:12) Y[c(j, 180 - j), j] <- NA
  Y[, 12] <- replace(Y[, 12], 1:10, NA)
  Y[, 11] <- replace(Y[, 12], 1:10, NA)
  many <- refit(fit, Y)
  for (j in c(1, 2, 11, 12)) {
    one <- refit(fit, Y[, j])
    expect_equal(many$beta[j, ], fixef(one), tolerance = 1e-6)
    expect_equal(many$se[j, ], sqrt(diag(vcov(one))), tolerance = 1e-6)
    expect_equal(many$nobs[j], nobs(one))
    expect_equal(many$criterion[j], one$criterion, tolerance = 1e-10)
  }
})

test_that("columns that missing values make redundant have no estimate", {
  d <- method_data()
  d$rare <- as.numeric(seq_len(180) %in% c(4, 77))
  fit <- rlmm(Reaction ~ Days + rare + (1 | Subject), d)
  Y <- cbind(all = d$Reaction, without = replace(d$Reaction, c(4, 77), NA))
  many <- refit(fit, Y)
  expect_equal(is.na(many$beta[, "rare"]), c(all = FALSE, without = TRUE))
  expect_equal(as.data.frame(many, what = "fit")$df, c(5, 4))
  one <- rlmm(Reaction ~ Days + (1 | Subject), d[-c(4, 77), ])
  expect_equal(many$beta["without", c("(Intercept)", "Days")], fixef(one), tolerance = 1e-7)
})

test_that("too few values for a term are said, as the control has it", {
  fit <- our_fit("slope")
  Y <- cbind(good = sleepstudy$Reaction, few = replace(sleepstudy$Reaction, 11:180, NA),
    scattered = replace(sleepstudy$Reaction, -seq(1, 180, 10), NA))
  many <- refit(fit, Y)
  error <- as.data.frame(many, what = "fit")$error
  expect_true(is.na(error[1]))
  expect_match(error[2], "one level only ('308')", fixed = TRUE)
  expect_match(error[3], "levels as there are observations (18)", fixed = TRUE)
  expect_true(all(is.na(many$beta[2:3, ])))
  expect_output(print(many), "not fitted: 2")
})

test_that("rows of weight zero need no response", {
  d <- method_data()
  d$w[5:9] <- 0
  fit <- rlmm(Reaction ~ Days + (Days | Subject), d, weights = w)
  Y <- cbind(a = replace(d$Reaction, 5:9, NA), b = replace(d$Reaction, 6, Inf))
  many <- refit(fit, Y)
  expect_equal(many$nobs, c(175, 175))
  expect_equal(many$beta["a", ], fixef(fit), tolerance = 1e-7)
  expect_equal(many$beta["b", ], fixef(fit), tolerance = 1e-7)
})

test_that("an uncertified optimum is named, and counted", {
  fit <- our_fit("slope")
  many <- refit(fit, noisy(fit, 3), control = rlmm_control(max_eval = 2))
  table <- as.data.frame(many, what = "fit")
  expect_false(any(table$certified))
  expect_match(table$note, "not certified")
  expect_output(print(many), "not certified: 3")
})

test_that("variances and correlations are those of VarCorr(), zeros included", {
  for (name in c("singular", "split", "poly")) {
    fit <- our_fit(name)
    many <- refit(fit, noisy(fit, 5))
    table <- as.data.frame(many, what = "random")
    for (j in 1:5) {
      one <- suppressMessages(refit(fit, noisy(fit, 5)[, j]))
      expected <- as.data.frame(VarCorr(one))
      mine <- table[table$response == paste0("gene", j), -1]
      expect_equal(mine[1:3], expected[1:3], ignore_attr = TRUE)
      expect_equal(mine$vcov, expected$vcov, tolerance = 1e-5)
      expect_equal(mine$sdcor, expected$sdcor, tolerance = 1e-5)
    }
  }
})

test_that("degrees of freedom and p-values are those of summary()", {
  skip_if_not_installed("lmerTest")
  for (name in c("slope", "weighted", "pastes", "deficient", "penicillin")) {
    fit <- our_fit(name)
    Y <- noisy(fit, 4)
    table <- as.data.frame(refit(fit, Y))
    for (j in 1:4) {
      one <- coef(summary(suppressMessages(refit(fit, Y[, j]))))
      mine <- table[table$response == paste0("gene", j), ]
      expect_equal(mine$df, one[, "df"], tolerance = 1e-4, ignore_attr = TRUE)
      expect_equal(mine$p.value, one[, "Pr(>|t|)"], tolerance = 1e-4, ignore_attr = TRUE)
    }
  }
  none <- as.data.frame(refit(our_fit("slope"), noisy(our_fit("slope"), 2), ddf = "none"))
  expect_null(none$df)
  expect_rlmm_error(refit(our_fit("slope"), noisy(our_fit("slope"), 2), ddf = "KR"), "bad_argument")
})

test_that("singular responses have degrees of freedom, too", {
  set.seed(2)
  d <- transform(sleepstudy, a = Days + rnorm(180), b = Days + rnorm(180))
  fit <- our_fit("slope")
  table <- as.data.frame(refit(fit, d[c("a", "b")]))
  for (name in c("a", "b")) {
    one <- coef(summary(suppressMessages(refit(fit, d[[name]]))))
    expect_equal(table$df[table$response == name], one[, "df"], tolerance = 1e-4,
      ignore_attr = TRUE)
  }
})
