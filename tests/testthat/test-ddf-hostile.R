# Small designs that leave little or nothing to estimate variances from: tests are lmerTest's at the
# same optimum where it is right, and otherwise refused; never infinite, never below a millionth.

hostile_data <- function(n = 60, g = 10) {
  set.seed(12)
  d <- data.frame(g = factor(rep(seq_len(g), length.out = n)), h = factor(sample(6, n, TRUE)),
    a = factor(sample(letters[1:3], n, TRUE)), b = factor(sample(LETTERS[1:2], n, TRUE)),
    x = stats::rnorm(n), z = stats::runif(n), w = stats::runif(n, 0.5, 2), o = stats::rnorm(n))
  d$y <- stats::rnorm(n) + 1.5 * stats::rnorm(g)[d$g] + 0.5 * d$x +
    0.3 * stats::rnorm(g)[d$g] * d$x + 0.4 * stats::rnorm(6)[d$h]
  d
}

hostile_cases <- function() {
  ns <- splines::ns
  bs <- splines::bs
  d <- hostile_data()
  matrix_column <- d
  matrix_column$M <- cbind(p = d$o, q = d$z)
  empty <- droplevels(subset(d, !(a == "b" & b == "B")))
  list(
    "two groups" = list(y ~ x + (1 | g), hostile_data(20, 2)),
    "two groups, slopes" = list(y ~ x + (x | g), hostile_data(40, 2)),
    "groups of one row" = list(y ~ x + (1 | g), hostile_data(40, 25)),
    "no variance" = list(y ~ x + (1 | g), transform(d, y = y - ave(y, g))),
    "large units" = list(y ~ x + (1 | g), transform(d, x = x * 1e8)),
    "no intercept" = list(y ~ 0 + x + (1 | g), d),
    "no intercept, factor" = list(y ~ 0 + a + x + (1 | g), d),
    "no intercept, cells" = list(y ~ 0 + a:b + (1 | g), d),
    "offset" = list(y ~ x + a + offset(o) + (1 | g), d),
    "unused levels" = list(y ~ a * x + (1 | g), transform(d, a = factor(a, c("a", "q", "b", "c")))),
    "empty cell" = list(y ~ a * b + (1 | g), empty),
    "natural spline" = list(y ~ ns(x, 3) + a + (1 | g), d),
    "B-spline" = list(y ~ bs(x, df = 4) + (1 | g) + (1 | h), d),
    "contrasts" = list(y ~ a * b + (1 | g), d, contrasts = list(a = "contr.sum",
      b = "contr.helmert")),
    "a matrix of contrasts" = list(y ~ a + b + (1 | g), d,
      contrasts = list(a = cbind(c(1, -1, 0), c(0.5, 0.5, -1)))),
    "matrix column" = list(y ~ M + b + (1 | g), matrix_column),
    "redundant column" = list(y ~ x + I(2 * x) + a + (1 | g), d),
    "constant column" = list(y ~ one + x + (1 | g), cbind(d, one = 1)),
    "groups as fixed effects" = list(y ~ g + x + (1 | h), d),
    "missing values" = list(y ~ x * a + (1 | g), transform(d, x = replace(x, c(3, 9), NA),
      y = replace(y, 20, NA))),
    "logical" = list(y ~ (x > 0) * b + (1 | g), d),
    "character" = list(y ~ as.character(a) + (1 | g), d),
    "crossed slopes" = list(y ~ x + (x | g) + (z | h), d),
    "slopes of a factor" = list(y ~ b + (0 + b | g), d),
    "margin left out" = list(y ~ a + a:x + (1 | g), d)
  )
}

hostile_fits <- function(case) {
  loose <- lme4::lmerControl(optimizer = NULL, calc.derivs = FALSE, check.nobs.vs.nlev = "ignore",
    check.nobs.vs.nRE = "ignore", check.scaleX = "ignore")
  names(case)[1:2] <- c("formula", "data")
  quietly <- function(expr) suppressWarnings(suppressMessages(expr))
  ours <- quietly(do.call(rlmm, case))
  list(ours = ours, theirs = quietly(do.call(lmerTest::lmer, c(case, list(control = loose,
    start = ours$theta)))))
}

test_that("tests in hostile small designs are lmerTest's at the same optimum", {
  skip_if_not_installed("lmerTest")
  skip_if_not_installed("pbkrtest")
  cases <- hostile_cases()
  for (name in names(cases)) {
    fits <- hostile_fits(cases[[name]])
    for (ddf in c("Satterthwaite", "Kenward-Roger")) {
      ours <- coef(summary(fits$ours, ddf = ddf))
      theirs <- suppressMessages(coef(summary(fits$theirs, ddf = ddf)))
      expect_equal(ours[, "df"], theirs[, "df"], tolerance = 1e-3, label = paste(name, ddf))
      expect_equal(ours[, -3], theirs[, -3], tolerance = 1e-3, label = paste(name, ddf))
      expect_true(all(ours[, "df"] <= residual_dimension(fits$ours) * (1 + 1e-6)))
      for (type in c("I", "II", "III")) {
        # a variable beside its double has no hypothesis of type III; lmerTest cannot
        # rebuild the rows of a logical in the formula
        if (type == "III" && name %in% c("redundant column", "logical")) next
        ours <- suppressMessages(anova(fits$ours, type = type, ddf = ddf))
        theirs <- suppressMessages(anova(fits$theirs, type = type, ddf = ddf))
        label <- paste(name, type, ddf)
        # it puts terms without columns of their own last
        expect_setequal(row.names(ours), row.names(theirs))
        theirs <- theirs[row.names(ours), ]
        for (column in c("Sum Sq", "DenDF", "F value")) {
          expect_equal(ours[[column]], theirs[[column]], tolerance = 2e-3, label = label)
        }
      }
    }
  }
})

test_that("in units where lmerTest's differences fail, tests are those of other units", {
  d <- hostile_data()
  same <- function(a, b) {
    expect_equal(unname(a[, c("df", "t value")]), unname(b[, c("df", "t value")]), tolerance = 1e-5)
  }
  quick <- function(formula, d) suppressMessages(rlmm(formula, d))
  for (ddf in c("Satterthwaite", "Kenward-Roger")) {
    table <- function(fit) coef(summary(fit, ddf = ddf))
    plain <- table(quick(y ~ x + (x | g), d))
    for (unit in c(1e-12, 1e10)) {
      same(table(quick(y ~ x + (x | g), transform(d, y = y * unit))), plain)
      same(table(quick(y ~ x + (x | g), transform(d, x = x * unit))), plain)
    }
    far <- table(quick(y ~ x + (1 | g), transform(d, x = x + 1e5)))
    same(far["x", , drop = FALSE], table(quick(y ~ x + (1 | g), d))["x", , drop = FALSE])
  }
})

test_that("without information on the variances there are no df, and a warning", {
  d <- hostile_data(8, 4)
  # one residual degree of freedom for two variances
  fit <- suppressMessages(rlmm(y ~ x + z + o + w + I(x^2) + I(z^2) + (1 | g), d))
  for (ddf in c("Satterthwaite", "Kenward-Roger")) {
    expect_warning(table <- coef(summary(fit, ddf = ddf)), "not available for 7",
      class = "rlmm_ddf")
    expect_true(all(is.na(table[, c("df", "Pr(>|t|)")])))
    expect_true(all(is.finite(table[, c("Estimate", "Std. Error")])))
    expect_warning(joint <- contest(fit, diag(7)[2:3, ], ddf = ddf), class = "rlmm_ddf")
    expect_true(is.na(joint$DenDF) && is.na(joint[["Pr(>F)"]]))
  }
})

test_that("a term whose columns are all redundant keeps its row, without a test", {
  d <- hostile_data()
  fit <- suppressMessages(rlmm(y ~ x + I(2 * x) + (1 | g), d))
  for (type in c("I", "II", "III")) {
    table <- suppressMessages(anova(fit, type = type))
    expect_equal(row.names(table), c("x", "I(2 * x)"))
    expect_equal(table["I(2 * x)", "NumDF"], 0)
    expect_true(is.na(table["I(2 * x)", "F value"]))
  }
})

test_that("columns of a matrix or a polynomial count as numeric in type II", {
  # lmerTest takes them for a factor there
  d <- hostile_data()
  d$M <- cbind(x = d$x)
  plain <- rlmm(y ~ x * a + (1 | g), d)
  for (formula in list(y ~ M * a + (1 | g), y ~ poly(x, 1, raw = TRUE) * a + (1 | g))) {
    fit <- rlmm(formula, d)
    expect_equal(as.matrix(anova(fit, type = "II")), as.matrix(anova(plain, type = "II")),
      tolerance = 1e-6, ignore_attr = TRUE)
  }
})

test_that("weights of zero leave rows out of every test", {
  d <- hostile_data()
  d$w[c(1:5, 30)] <- 0
  fit <- rlmm(y ~ x + a + (1 | g), d, weights = w)
  fewer <- rlmm(y ~ x + a + (1 | g), d[d$w > 0, ], weights = w)
  for (ddf in c("Satterthwaite", "Kenward-Roger")) {
    expect_equal(coef(summary(fit, ddf = ddf)), coef(summary(fewer, ddf = ddf)), tolerance = 1e-6)
    expect_equal(anova(fit, ddf = ddf), anova(fewer, ddf = ddf), tolerance = 1e-6)
  }
  expect_equal(as.matrix(ranova(fit)), as.matrix(ranova(fewer)), tolerance = 1e-6)
  expect_equal(as.matrix(drop1(fit, test = "F")), as.matrix(drop1(fewer, test = "F")),
    tolerance = 1e-6)
})

test_that("every other test of such designs answers with finite numbers or gives a reason", {
  cases <- hostile_cases()
  for (name in names(cases)) {
    fit <- suppressWarnings(suppressMessages(do.call(rlmm,
      stats::setNames(cases[[name]], c("formula", "data", names(cases[[name]])[-(1:2)])))))
    calls <- list(
      function() ranova(fit), function() drop1(fit, test = "F"), function() step(fit)$random,
      function() step(fit)$fixed, function() as.data.frame(coef(summary(fit, vcov = "CR1"))),
      function() as.data.frame(coef(summary(fit, vcov = "CR2"))),
      function() variance_parameters(fit), function() contest(fit, diag(length(fixef(fit)))))
    for (i in seq_along(calls)) {
      found <- tryCatch(suppressWarnings(suppressMessages(calls[[i]]())),
        rlmm_error = function(e) data.frame())
      numbers <- unlist(Filter(is.numeric, as.list(found)))
      expect_false(any(is.infinite(numbers) | is.nan(numbers)), label = paste(name, i))
    }
  }
})

test_that("names that are not syntactic change no test", {
  d <- hostile_data()
  d[["my f"]] <- d$a
  d[["my x"]] <- d$x
  d[["my g"]] <- d$g
  plain <- rlmm(y ~ x * a + (x | g), d)
  named <- rlmm(y ~ `my x` * `my f` + (`my x` | `my g`), d)
  for (type in c("I", "II", "III")) {
    expect_equal(as.matrix(anova(named, type = type)), as.matrix(anova(plain, type = type)),
      tolerance = 1e-6, ignore_attr = TRUE)
  }
  expect_equal(as.matrix(ranova(named)), as.matrix(ranova(plain)), tolerance = 1e-6,
    ignore_attr = TRUE)
  cells <- rlmm(y ~ x + (0 + a | g), d)
  expect_equal(as.matrix(ranova(rlmm(y ~ x + (0 + `my f` | g), d))), as.matrix(ranova(cells)),
    tolerance = 1e-6, ignore_attr = TRUE)
  two <- rlmm(y ~ a + (1 | h:g), d)
  expect_equal(row.names(ranova(rlmm(y ~ a + (1 | h:`my g`), d)))[2], "(1 | h:`my g`)")
  expect_equal(row.names(ranova(two))[2], "(1 | h:g)")
})

test_that("a grouping factor among the fixed effects costs only the tests that depend on it", {
  skip_if_not_installed("lmerTest")
  skip_if_not_installed("pbkrtest")
  d <- expand.grid(r = 1:6, g = factor(1:8))
  for (seed in 1:3) {
    set.seed(seed)
    d$x <- stats::rnorm(48)
    d$h <- factor(sample(5, 48, TRUE))
    d$y <- stats::rnorm(48) + stats::rnorm(8)[d$g] + stats::rnorm(5)[d$h] +
      d$x * stats::rnorm(8, 0, 0.5)[d$g]
    # what rounding leaves of an information of zero differs from one to the next
    for (formula in list(y ~ g + x + (1 | g), y ~ g + x + (x | g), y ~ g + x + (x || g),
      y ~ g + x + (1 | g) + (1 | h), y ~ h + x + (1 | h) + (1 | g))) {
      fits <- hostile_fits(list(formula, d))
      for (ddf in c("Satterthwaite", "Kenward-Roger")) {
        label <- paste(deparse(formula), seed, ddf)
        expect_warning(ours <- coef(summary(fits$ours, ddf = ddf)), class = "rlmm_ddf")
        theirs <- suppressWarnings(suppressMessages(coef(summary(fits$theirs, ddf = ddf))))
        # where a covariance with the intercept is noise, the adjustment of a slope may be, too
        refused <- is.na(ours["x", "df"])
        if (refused) expect_equal(c(ddf, deparse(formula)), c("Kenward-Roger",
          "y ~ g + x + (x | g)")) else
          expect_equal(ours["x", ], theirs["x", ], tolerance = 1e-3, label = label)
        others <- ours[rownames(ours) != "x", ]
        expect_true(all(is.na(others[, c("df", "Pr(>|t|)")])), label = label)
        expect_true(all(is.finite(others[, "Std. Error"])), label = label)
        table <- suppressWarnings(anova(fits$ours, ddf = ddf), "rlmm_ddf")
        expect_equal(is.na(table$DenDF), c(TRUE, refused), label = label)
      }
    }
    both <- suppressMessages(rlmm(y ~ g * x + (x | g), d))
    for (ddf in c("Satterthwaite", "Kenward-Roger")) {
      expect_true(all(is.na(suppressWarnings(coef(summary(both, ddf = ddf)))[, "df"])))
    }
  }
})
