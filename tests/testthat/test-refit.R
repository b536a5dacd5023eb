# refit() and refitML(): the same as a fit of the other data from the start.

expect_same_fit <- function(object, expected) {
  expect_equal(object$criterion, expected$criterion, tolerance = 1e-9)
  expect_equal(fixef(object), fixef(expected), tolerance = 1e-6)
  expect_equal(object$theta, expected$theta, tolerance = 1e-4)
  expect_equal(object$dims, expected$dims)
}

test_that("a new response gives the fit of that response", {
  for (name in c("slope", "split", "weighted", "offset", "exclude", "deficient", "three",
    "pastes", "penicillin", "cake")) {
    fit <- our_fit(name)
    set.seed(4)
    y <- fit$frame[[1]] + rnorm(nrow(fit$frame), 0, 0.5 * sigma(fit))
    again <- suppressMessages(refit(fit, y))
    frame <- rebuilt_frame(fit)
    frame$y <- y
    expect_equal(again$criterion, fit_frame(frame)$criterion, tolerance = 1e-9, label = name)
    expect_equal(again$dropped, fit$dropped)
    expect_equal(unname(again$frame[[1]]), y)
  }
})

# lme4 1.1-31 refits REML fits with one degree of freedom for all fixed effects together: only fits
# by maximum likelihood, or with one fixed effect, can be compared.
test_that("it is what lme4's refit() gives", {
  for (name in c("slope_ml", "pastes", "penicillin")) {
    fit <- our_fit(name)
    y <- fit$frame[[1]] + sigma(fit) * sin(seq_along(fit$frame[[1]]))
    theirs <- suppressMessages(lme4::refit(lme4_fit(name), y))
    ours <- suppressMessages(lme4::refit(fit, y))
    expect_s3_class(ours, "rlmm")
    expect_equal(logLik(ours), logLik(theirs), tolerance = 1e-7, ignore_attr = TRUE)
    expect_equal(fixef(ours), lme4::fixef(theirs), tolerance = 1e-4)
  }
})

test_that("a REML fit is refitted as lmer() fits the new response", {
  skip_if_not_installed("lme4")
  d <- method_data()
  d$new <- d$Reaction + 20 * sin(seq_len(180))
  theirs <- lme4::lmer(new ~ Days + (Days | Subject), d, weights = w)
  ours <- refit(our_fit("weighted"), d$new)
  expect_equal(REMLcrit(ours), lme4::REMLcrit(theirs), tolerance = 1e-7)
  expect_equal(fixef(ours), lme4::fixef(theirs), tolerance = 1e-4)
})

test_that("rows left out before can be there or not, new missing values leave out more", {
  d <- method_data()
  fit <- our_fit("exclude")
  y <- d$y <- d$Reaction + d$z
  expected <- rlmm(y ~ Days + (Days | Subject), d, subset = !is.na(miss))
  expect_same_fit(refit(fit, y), expected)
  expect_same_fit(refit(fit, y[!is.na(d$miss)]), expected)

  y[c(1, 100)] <- NA
  again <- refit(fit, y)
  d$y <- replace(y, is.na(d$miss), NA)
  expected <- rlmm(y ~ Days + (Days | Subject), d, na.action = na.exclude)
  expect_same_fit(again, expected)
  expect_equal(again$frame, expected$frame, ignore_attr = TRUE)
  expect_equal(fitted(again), fitted(expected), tolerance = 1e-6)
  expect_equal(as.integer(na.action(again$frame)), c(1L, 3L, 50L, 100L))
  expect_equal(which(is.na(residuals(again))), c(1, 3, 50, 100), ignore_attr = TRUE)
})

test_that("levels without a row left are dropped", {
  d <- method_data()
  y <- replace(d$Reaction, 1:10, NA)
  expect_same_fit(refit(our_fit("slope"), y),
    rlmm(Reaction ~ Days + (Days | Subject), d[-(1:10), ]))
})

test_that("without a response the fit stays, with weights it changes", {
  d <- method_data()
  fit <- our_fit("slope")
  expect_same_fit(refit(fit), fit)
  weighted <- refit(fit, newweights = d$w)
  expect_same_fit(weighted, our_fit("weighted"))
  expect_equal(weights(weighted), d$w)
  w <- replace(d$w, 1:3, 0)
  expect_equal(nobs(refit(fit, newweights = w)), 177)
})

test_that("the formula takes the new name when asked to", {
  fit <- our_fit("slope")
  other <- log(method_data()$Reaction)
  expect_equal(formula(refit(fit, other)), formula(fit))
  named <- refit(fit, other, rename.response = TRUE)
  expect_equal(formula(named)[[2]], quote(other))
  expect_equal(names(model.frame(named))[1], "other")
  expect_equal(predict(named, method_data()[1:3, ]), fitted(named)[1:3])
  expect_equal(formula(refit(fit, data.frame(a = other), rename.response = TRUE))[[2]], quote(a))
})

test_that("a fit on the boundary does not hold the next one there", {
  skip_if_not_installed("lme4")
  fit <- our_fit("singular")
  expected <- rlmm(Yield ~ 1 + (1 | Batch), lme4::Dyestuff)
  expect_same_fit(refit(fit, lme4::Dyestuff$Yield), expected)
})

test_that("unusable responses and weights are classed errors", {
  fit <- our_fit("slope")
  expect_rlmm_error(refit(fit, 1:3), "response", "3 values", "180 rows")
  expect_rlmm_error(refit(fit, rep("a", 180)), "response", "numeric")
  expect_rlmm_error(refit(fit, rep(1, 180)), "response", "constant")
  expect_rlmm_error(refit(fit, c(Inf, 2:180)), "infinite")
  expect_rlmm_error(refit(fit, rep(NA_real_, 180)), "no_rows")
  expect_rlmm_error(refit(fit, newweights = -(1:180)), "weights")
  expect_rlmm_error(refit(fit, newweights = 1:3), "weights")
})

test_that("refitML fits by maximum likelihood, once", {
  for (name in c("slope", "weighted", "pastes", "deficient")) {
    ml <- refitML(our_fit(name))
    expect_false(isREML(ml))
    expect_equal(deviance(ml), deviance(lme4::refitML(lme4_fit(name))), tolerance = 1e-7)
    expect_equal(as.list(ml$call)$REML, FALSE)
  }
  expect_same_fit(refitML(our_fit("slope")), our_fit("slope_ml"))
  expect_identical(refitML(our_fit("slope_ml")), our_fit("slope_ml"))
  expect_same_fit(lme4::refitML(our_fit("slope")), our_fit("slope_ml"))
})

test_that("fits of lme4 are handed on", {
  theirs <- lme4_fit("slope")
  expect_s4_class(refitML(theirs), "lmerMod")
  y <- log(method_data()$Reaction)
  expect_equal(lme4::fixef(refit(theirs, y)), lme4::fixef(lme4::refit(theirs, y)))
  expect_rlmm_error(refit(1), "no_method")
  expect_rlmm_error(refitML("a"), "no_method")
})

test_that("lme4's bootstrap works on our fit", {
  skip_if_not_installed("lme4")
  boot <- suppressMessages(lme4::bootMer(our_fit("exclude"), fixef, nsim = 3, seed = 1))
  expect_true(all(is.finite(boot$t)))
  sims <- simulate(our_fit("exclude"), nsim = 3, seed = 1)
  expect_equal(boot$t[2, ], fixef(refit(our_fit("exclude"), sims[[2]])), ignore_attr = TRUE)
})

test_that("many responses have the estimates of single fits", {
  for (name in c("slope", "weighted", "pastes", "deficient")) {
    fit <- our_fit(name)
    sims <- simulate(fit, nsim = 4, seed = 2)
    many <- refit(fit, sims)
    expect_s3_class(many, "rlmm_refits")
    fixed <- as.data.frame(many)
    random <- as.data.frame(many, what = "random")
    stats <- as.data.frame(many, what = "fit")
    for (response in names(sims)) {
      one <- suppressMessages(refit(fit, sims[[response]]))
      mine <- fixed[fixed$response == response, ]
      table <- coef(summary(one))
      expect_equal(mine$term, rownames(table))
      columns <- c("estimate", "std.error", "df", "statistic", "p.value")
      expect_equal(as.matrix(mine[columns]), table, tolerance = 1e-5, ignore_attr = TRUE)
      expect_equal(random[random$response == response, -1], as.data.frame(VarCorr(one)),
        tolerance = 1e-6, ignore_attr = TRUE)
      row <- stats[stats$response == response, ]
      expect_equal(row$logLik, as.numeric(logLik(one)), tolerance = 1e-9)
      expect_equal(c(row$df, row$nobs), c(attr(logLik(one), "df"), nobs(one)))
      expect_equal(row$singular, isSingular(one))
      expect_true(row$certified)
    }
  }
})

test_that("a matrix, a data frame and a list of responses are the same", {
  fit <- our_fit("slope")
  y <- cbind(a = sleepstudy$Reaction, b = log(sleepstudy$Reaction))
  by_matrix <- as.data.frame(refit(fit, y))
  expect_equal(as.data.frame(refit(fit, as.data.frame(y))), by_matrix)
  expect_equal(as.data.frame(refit(fit, list(a = y[, 1], b = y[, 2]))), by_matrix)
  expect_equal(unique(as.data.frame(refit(fit, unname(y)))$response), c("y1", "y2"))
  expect_s3_class(refit(fit, y[, 1, drop = FALSE]), "rlmm")
})

test_that("one response that cannot be fitted does not stop the others", {
  fit <- our_fit("slope")
  good <- sleepstudy$Reaction
  responses <- list(good = good, flat = rep(1, 180), gaps = replace(good, 1:10, NA),
    none = rep(NA_real_, 180), huge = replace(good, 2, Inf))
  many <- refit(fit, responses)
  table <- as.data.frame(many, what = "fit")
  expect_equal(is.na(table$error), c(TRUE, FALSE, TRUE, FALSE, FALSE))
  expect_match(table$error[c(2, 4, 5)], "constant|missing|infinite")
  expect_equal(table$nobs, c(180, NA, 170, NA, NA))
  gaps <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy[-(1:10), ])
  expect_equal(fixef(many)["gaps", ], fixef(gaps), tolerance = 1e-6)
  expect_equal(table$criterion[3], gaps$criterion)
  expect_output(print(many), "5 responses.*not fitted: 3")
})
