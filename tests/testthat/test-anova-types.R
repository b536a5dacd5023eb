# Types of hypotheses: tables and contrasts against lmerTest, and against what they mean.

unbalanced <- function() {
  set.seed(5)
  n <- 200
  d <- data.frame(a = factor(sample(letters[1:3], n, TRUE, prob = c(0.5, 0.3, 0.2))),
    b = factor(sample(LETTERS[1:4], n, TRUE)), x = stats::rnorm(n, 3), z = stats::rnorm(n),
    o = factor(sample(3, n, TRUE), ordered = TRUE), l = sample(c(TRUE, FALSE), n, TRUE),
    ch = sample(c("u", "v"), n, TRUE), g = factor(sample(20, n, TRUE)))
  d$y <- stats::rnorm(n) + stats::rnorm(20)[d$g] + d$x / 10
  d
}

test_that("tables of all types are lmerTest's", {
  skip_if_not_installed("lmerTest")
  skip_if_not_installed("pbkrtest")
  d <- unbalanced()
  tight <- lme4::lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-9))
  for (right in list(quote(a * b), quote(a * x * b), quote(x * z + a), quote(ch * l * a),
    quote(a + a:x), quote(x + a:b))) {
    formula <- eval(bquote(y ~ .(right) + (1 | g)))
    ours <- suppressMessages(rlmm(formula, d))
    theirs <- suppressMessages(lmerTest::lmer(formula, d, control = tight))
    for (type in c("I", "II", "III")) {
      for (ddf in c("Satterthwaite", "Kenward-Roger")) {
        a <- suppressMessages(anova(ours, type = type, ddf = ddf))
        b <- suppressMessages(anova(theirs, type = type, ddf = ddf))
        label <- paste(deparse(right), type, ddf)
        expect_equal(dimnames(a), dimnames(b), label = label)
        expect_equal(attr(a, "heading"), attr(b, "heading"))
        # the spectral decomposition depends on how a hypothesis is written down
        expect_equal(as.matrix(a), as.matrix(b), tolerance = 1e-3, label = label,
          ignore_attr = TRUE)
        expect_equal(a[["F value"]], b[["F value"]], tolerance = 1e-5, label = label)
      }
    }
  }
})

test_that("the tables of the classic examples are lmerTest's", {
  for (name in c("cake", "Machines", "Machines_full", "Oats", "dietox", "Pastes")) {
    fits <- df_fits(name)
    for (ddf in c("Satterthwaite", "Kenward-Roger")) {
      expect_equal(as.matrix(anova(fits$ours, ddf = ddf)), as.matrix(anova(fits$theirs, ddf = ddf)),
        tolerance = 1e-4, ignore_attr = TRUE, label = paste(name, ddf))
    }
  }
})

# Means of the cells of two factors, as combinations of the coefficients.
cell_rows <- function(fit, cells) {
  stats::model.matrix(stats::delete.response(fixed_terms(fit)), cells, fit$contrasts)
}

# Do the rows of both span the same space?
same_space <- function(A, B) {
  rank <- function(M) {
    d <- svd(M / sqrt(rowSums(M^2)))$d
    sum(d > 1e-8 * d[1L])
  }
  rank(A) == rank(B) && rank(rbind(A, B)) == rank(A)
}

test_that("type III compares unweighted means, whatever the contrasts and the formula", {
  d <- unbalanced()
  cells <- expand.grid(a = levels(d$a), b = levels(d$b))
  contrasts <- list(NULL, list(a = "contr.sum", b = "contr.helmert"), list(a = "contr.poly"))
  for (right in list(quote(a * b), quote(a / b), quote(a + a:b), quote(b %in% a + a))) {
    for (own in contrasts) {
      fit <- suppressMessages(rlmm(eval(bquote(y ~ .(right) + (1 | g))), d, contrasts = own))
      rows <- cell_rows(fit, cells)
      means <- rowsum(rows, cells$a) / 4
      L <- show_tests(anova(fit))$a
      expect_true(same_space(L, means[-1L, ] - means[rep(1L, 2L), ]))
    }
  }
})

test_that("a factor beside its interaction with a numeric variable is tested at zero", {
  fit <- rlmm(y ~ a * x + (1 | g), unbalanced())
  tests <- show_tests(anova(fit))
  expect_equal(unname(tests$a), cbind(0, diag(2), 0, 0, 0))
  # the slope is the mean of the slopes
  expect_equal(unname(tests$x), cbind(0, 0, 0, 1, 1 / 3, 1 / 3), tolerance = 1e-12)
})

test_that("beside an interaction without the factor the slope is the mean of the slopes", {
  # lmerTest tests that of the coding's baseline here
  d <- unbalanced()
  crossed <- show_tests(anova(rlmm(y ~ x * a + (1 | g), d)))$x[, c(2, 5, 6)]
  for (own in list(NULL, list(a = "contr.sum"), list(a = "contr.helmert"))) {
    fit <- rlmm(y ~ x + x:a + (1 | g), d, contrasts = own)
    table <- anova(fit)
    rows <- stats::model.matrix(~ x + x:a, data.frame(x = 1, a = levels(d$a)),
      contrasts.arg = own)[, -1]
    mean_slope <- c(0, unname(colMeans(rows)))
    expect_equal(unlist(table["x", ]), unlist(contest(fit, mean_slope)), tolerance = 1e-8)
    if (is.null(own)) expect_equal(mean_slope[-1], unname(crossed))
  }
})

test_that("types I and II adjust by least squares", {
  d <- unbalanced()
  fit <- rlmm(y ~ a * b + (1 | g), d)
  X <- model.matrix(fit)
  assign <- attr(X, "assign")
  left_over <- function(own, before) {
    crossprod(qr.resid(qr(X[, assign %in% before]), X[, assign %in% own]), X)
  }
  one <- show_tests(anova(fit, type = "I"))
  expect_true(same_space(one$a, left_over(1, 0)))
  expect_true(same_space(one$b, left_over(2, 0:1)))
  two <- show_tests(anova(fit, type = "II"))
  expect_true(same_space(two$a, left_over(1, c(0, 2))))
  expect_true(same_space(two$b, one$b))
  expect_true(same_space(two[["a:b"]], one[["a:b"]]))
})

test_that("type II and III of a nested term are those of the same crossed model", {
  # lmerTest tests the baseline of the coding here
  d <- unbalanced()
  nested <- rlmm(y ~ a / b + (1 | g), d)
  crossed <- rlmm(y ~ a * b + (1 | g), d)
  expect_equal(unlist(anova(nested)["a", ]), unlist(anova(crossed)["a", ]), tolerance = 1e-6)
  alone <- anova(crossed, type = "I")["a", ]
  expect_equal(unlist(anova(nested, type = "II")["a", ]), unlist(alone), tolerance = 1e-6)
})

test_that("empty cells give what lmerTest gives, and a message", {
  skip_if_not_installed("lmerTest")
  d <- droplevels(subset(unbalanced(), !(a == "b" & b == "C")))
  ours <- suppressMessages(rlmm(y ~ a * b + x + (1 | g), d))
  theirs <- suppressMessages(lmerTest::lmer(y ~ a * b + x + (1 | g), d,
    control = lme4::lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-9))))
  expect_message(table <- anova(ours), "'ab:bC'", class = "rlmm_redundant_columns")
  expect_equal(table$NumDF, c(2, 3, 1, 5))
  expect_equal(as.matrix(table), as.matrix(suppressMessages(anova(theirs))), tolerance = 1e-3,
    ignore_attr = TRUE)
})

test_that("units and origins of the variables change nothing that they should not", {
  d <- unbalanced()
  d$far <- d$x + 1000
  fit <- rlmm(y ~ a * x + z + (1 | g), d)
  scaled <- rlmm(y ~ a * I(x * 1e7) + I(z / 1e6) + (1 | g), d)
  for (type in c("I", "II", "III")) {
    expect_equal(as.matrix(anova(fit, type = type)), as.matrix(anova(scaled, type = type)),
      tolerance = 1e-3, ignore_attr = TRUE)
  }
  shifted <- rlmm(y ~ a * far + z + (1 | g), d)
  expect_equal(anova(fit)[["F value"]][2:4], anova(shifted)[["F value"]][2:4], tolerance = 1e-5)
})

test_that("contrasts that span less than their factor are tested as coded", {
  d <- unbalanced()
  C <- cbind(up = c(-1, 0, 1))
  fit <- rlmm(y ~ C(a, C, 1) + b + (1 | g), d)
  table <- anova(fit)
  expect_equal(table$NumDF, c(1, 3))
  expect_equal(unname(show_tests(table)[[1L]]), matrix(c(0, 1, 0, 0, 0), 1L))
})

test_that("types are numbers or names, and methods as in summary()", {
  fit <- our_fit("cake")
  expect_equal(anova(fit, type = 2), anova(fit, type = "II"))
  expect_equal(anova(fit, type = "3"), anova(fit))
  expect_equal(anova(fit, ddf = "lme4"), anova(fit, ddf = "none"))
  expect_match(attr(anova(fit, vcov = "CR2"), "heading"), "CR2 standard errors")
})

test_that("show_tests() shows fractions and leaves out names", {
  skip_if_not_installed("MASS")
  table <- anova(rlmm(y ~ a * x + (1 | g), unbalanced()))
  expect_output(print(show_tests(table, fractions = TRUE)), "1/3")
  expect_null(dimnames(show_tests(table, names = FALSE)[[1L]]))
  expect_rlmm_error(show_tests(sleepstudy), "no_method", "data.frame")
  skip_if_not_installed("lmerTest")
  expect_equal(lmerTest::show_tests(table), show_tests(table), ignore_attr = "class")
})
