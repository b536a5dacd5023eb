test_that("subset, weights, offset, contrasts and na.action are as in lme4", {
  skip_if_not_installed("lme4")
  d <- mixed_data()
  d$y[3] <- NA
  d$x[8] <- NaN
  d$g[9] <- NA
  same_as_lme4 <- function(formula, ...) {
    theirs <- lme4_frame(formula, d, ...)
    ours <- do.call(rlmm_frame, list(formula, quote(d), ...))
    expect_equal(ours$X, theirs$X, ignore_attr = "msgScaleX")
    expect_equal(ours$y, as.vector(model.response(theirs$fr)))
    expect_equal(ours$weights, as.vector(model.weights(theirs$fr)))
    expect_equal(ours$offset, as.vector(model.offset(theirs$fr)))
    expect_equal(attr(ours$frame, "na.action"), attr(theirs$fr, "na.action"))
    expect_equal(row.names(ours$frame), row.names(theirs$fr))
  }
  same_as_lme4(y ~ x + (x | g))
  same_as_lme4(y ~ x + (x | g), na.action = na.exclude)
  same_as_lme4(y ~ f + (1 | k), subset = quote(x > 0))
  same_as_lme4(y ~ f + (1 | k), subset = 1:100)
  same_as_lme4(y ~ f + (1 | g), weights = quote(z^2))
  same_as_lme4(y ~ f + offset(2 * z) + (1 | g), offset = quote(z))
  same_as_lme4(y ~ f + o + (1 | g), contrasts = list(f = "contr.sum", o = contr.poly))
})

test_that("contrasts hold for the left sides of random-effects terms too", {
  frame <- rlmm_frame(y ~ x + (f || g), mixed_data(), contrasts = list(f = "contr.sum"))
  expect_equal(vapply(frame$random, `[[`, "", "columns"), c("(Intercept)", "f1", "f2"))
  expect_equal(random_terms(as_if_fitted(frame)), frame$random)
})

test_that("levels without rows are dropped, with contrasts that cannot hold any more", {
  d <- mixed_data()
  d$f <- factor(d$f, levels = c("a", "none", "b", "c"))
  expect_equal(colnames(rlmm_frame(y ~ f + (1 | g), d)$X), c("(Intercept)", "fb", "fc"))
  contrasts(d$f) <- "contr.sum"
  expect_equal(colnames(rlmm_frame(y ~ f + (1 | g), d)$X), c("(Intercept)", "f1", "f2"))
  for (x in list(factor(d$f, levels = c("c", "none", "b", "a")), d$o[d$o != d$o[1]], d$g)) {
    expect_identical(without_unused(x, "f"), x[, drop = TRUE])
  }
  contrasts(d$f) <- contr.helmert(4)
  expect_warning(frame <- rlmm_frame(y ~ f + (1 | g), d), "'f'", class = "rlmm_contrasts")
  expect_equal(colnames(frame$X), c("(Intercept)", "fb", "fc"))
})

test_that("na.action may come from the options, from the data, or be the user's own", {
  d <- mixed_data()
  d$x[2] <- NA
  old <- options(na.action = "na.exclude")
  on.exit(options(old))
  expect_s3_class(attr(rlmm_frame(y ~ x + (1 | g), d)$frame, "na.action"), "exclude")
  attr(d, "na.action") <- "na.omit"
  expect_s3_class(attr(rlmm_frame(y ~ x + (1 | g), d)$frame, "na.action"), "omit")
  zero <- function(frame) {
    frame[is.na(frame)] <- 0
    frame
  }
  expect_equal(rlmm_frame(y ~ x + (1 | g), d, na.action = zero)$X[2, "x"], 0)
})

test_that("an intercept that is taken away after a bar is away", {
  expect_equal(ncol(rlmm_frame(y ~ (1 | g) - 1, mixed_data())$X), 0)
})

test_that("data, weights and offset are evaluated once", {
  count <- 0
  counted <- function(x) {
    count <<- count + 1
    x
  }
  d <- mixed_data()
  rlmm_frame(y ~ x + (x | g), counted(d))
  expect_equal(count, 1)
  rlmm_frame(y ~ x + (x | g), d, weights = counted(z))
  expect_equal(count, 2)
  rlmm_frame(y ~ x + (x | g), d, offset = counted(z), subset = counted(x > 0))
  expect_equal(count, 4)
  rlmm_frame(counted(y) ~ x + (1 | g), d)
  expect_equal(count, 5)
  rlmm_frame(y ~ counted(x) + (counted(x) | g), d)
  expect_equal(count, 6)
})

test_that("the frame's environment holds what the formula needs and no data", {
  inside <- function() {
    d <- mixed_data()
    ballast <- rnorm(1e5)
    centre <- 2
    helper <- function(v) v - centre
    shift <- function(v, by = centre) {
      total <- helper(v) + by
      if (v[1] > 1e9) shift(v) else total
    }
    power <- function(k) function(v) v^k
    square <- power(2)
    cube <- power(3)
    knots <- c(-1, 0, 1)
    rlmm_frame(y ~ shift(x) + square(z) + cube(z) + splines::ns(x, knots = knots) + (1 | g), d)
  }
  frame <- inside()
  expect_setequal(ls(environment(frame$formula)),
    c("shift", "square", "cube", "knots", "helper", "centre"))
  expect_identical(parent.env(environment(frame$formula)), globalenv())
  expect_identical(environment(attr(frame$frame, "terms")), environment(frame$formula))
  expect_lt(length(serialize(frame$formula, NULL)), 20000)
  new <- data.frame(x = c(-1, 0.5), z = c(1, 2))
  again <- unserialize(serialize(as_if_fitted(frame), NULL))
  data <- model.frame(delete.response(fixed_terms(again)), new)
  X <- fixed_matrix(again, data)
  expect_equal(X[, "shift(x)"], new$x, ignore_attr = TRUE)
  expect_equal(X[, "square(z)"], new$z^2, ignore_attr = TRUE)
  expect_equal(X[, "cube(z)"], new$z^3, ignore_attr = TRUE)
})

test_that("variables of a formula without data are data, and stay out of its environment", {
  inside <- function() {
    y <- rnorm(60)
    x <- rnorm(60)
    g <- gl(6, 10)
    k <- 3
    rlmm_frame(y ~ I(x / k) + (1 | g))
  }
  expect_equal(ls(environment(inside()$formula)), "k")
})

test_that("bases that depend on the data are those of the fit on new data", {
  d <- mixed_data()
  frame <- rlmm_frame(y ~ poly(x, 2) + scale(z) + splines::ns(x, 3) + (1 | g), d)
  data <- model.frame(delete.response(fixed_terms(frame)), d[5:9, ])
  expect_equal(unname(full_fixed_matrix(frame, data)), unname(frame$X[5:9, ]), ignore_attr = TRUE)
})

test_that("the model matrix is R's own, whatever the contrasts", {
  d <- mixed_data()
  contrasts(d$o) <- "contr.helmert"
  d$one <- factor("a")
  for (formula in list(y ~ 1, y ~ offset(z), y ~ 0 + x, y ~ f * o, y ~ l + ch + x, y ~ M:f,
    y ~ x + C(f, sum), y ~ o + gc %in% f)) {
    frame <- model.frame(formula, d)
    ours <- model_matrix(terms(formula), frame, NULL)
    expect_identical(ours, model.matrix(formula, frame), label = text_of(formula))
    # with columns that it does not need
    frame <- cbind(frame, w = d$z)
    attr(frame, "terms") <- terms(formula)
    expect_identical(model_matrix(terms(formula), frame, NULL), ours, label = text_of(formula))
  }
  old <- options(contrasts = c("contr.sum", "contr.helmert"))
  on.exit(options(old))
  frame <- model.frame(y ~ f * o, d, subset = -(1:3))
  expect_identical(model_matrix(terms(y ~ f * o), frame, NULL), model.matrix(y ~ f * o, frame))
  expect_rlmm_error(rlmm_frame(y ~ one + (1 | g), d), "one_level_factor", "'one'")
})

test_that("redundant columns can be left out", {
  frame <- rlmm_frame(y ~ x + f + l + (1 | g), mixed_data())
  frame$dropped <- "fc"
  X <- fixed_matrix(frame)
  expect_equal(colnames(X), c("(Intercept)", "x", "fb", "lTRUE"))
  expect_equal(attr(X, "assign"), c(0, 1, 2, 3))
  expect_equal(attr(X, "contrasts"), attr(frame$X, "contrasts"))
})

test_that("the size of a model matrix is known before it is built", {
  d <- mixed_data()
  for (formula in list(~1, ~0, ~ x * f, ~ f * o * l, ~ 0 + f:l, ~ M + ch, ~ poly(x, 3) * ch,
    ~ 0 + x, ~ a / b, ~ offset(x) + z)) {
    frame <- model.frame(formula, d)
    count <- column_count(terms(formula), frame)
    expect_equal(count, ncol(model.matrix(formula, frame)), label = text_of(formula))
  }
  expect_gt(available_memory(), 0)
})

test_that("arguments that come through `...` are evaluated in the data", {
  through <- function(...) rlmm_frame(...)
  d <- mixed_data()
  frame <- through(y ~ x + (1 | g), d, weights = z, subset = x > 0)
  expect_equal(frame$weights, d$z[d$x > 0])
})
