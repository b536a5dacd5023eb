# bootMer(): samples, statistics, and what is told of them.

samples_of <- function(fit, n, ...) bootMer(fit, function(m) model.frame(m)[[1]], nsim = n, ...)$t

test_that("the arguments are lme4's, the object is one of the boot package", {
  skip_if_not_installed("lme4")
  expect_true(all(names(formals(lme4::bootMer)) %in% names(formals(bootMer))))
  b <- bootMer(our_fit("slope"), nsim = 20, seed = 1)
  expect_s3_class(b, c("rlmm_boot", "bootMer", "boot"), exact = TRUE)
  theirs <- suppressMessages(lme4::bootMer(lme4_fit("slope"), lme4::fixef, nsim = 2))
  expect_true(all(names(theirs) %in% names(b)))
  expect_true(all(names(attributes(theirs)) %in% names(attributes(b))))
  expect_equal(dim(b$t), c(20, 6))
  expect_equal(b$R, 20)
})

test_that("without FUN the statistics are all parameters", {
  for (name in c("slope", "split", "three", "pastes", "deficient")) {
    fit <- our_fit(name)
    b <- bootMer(fit, nsim = 5, seed = 3)
    expect_named(b$t0, c(variance_parameter_names(fit), names(fixef(fit))))
    parameters <- function(m) c(as.data.frame(VarCorr(m))$sdcor, fixef(m))
    expect_equal(b$t0, parameters(fit), ignore_attr = TRUE, tolerance = 1e-10)
    by_fun <- bootMer(fit, parameters, nsim = 5, seed = 3)
    expect_equal(b$t, by_fun$t, ignore_attr = TRUE, tolerance = 1e-10)
  }
})

test_that("a replicate is the refitted sample, whatever FUN asks of it", {
  everything <- function(m) {
    c(fixef(m), sqrt(diag(vcov(m))), m$theta, sigma(m), logLik(m), REMLcrit(m), getME(m, "u"),
      fitted(m), nobs(m), deviance(m, REML = FALSE), isSingular(m), unlist(ranef(m)))
  }
  for (name in c("weighted", "offset", "deficient", "pastes", "slope_ml", "insteval")) {
    fit <- our_fit(name)
    y <- samples_of(fit, 2, seed = 4)
    b <- bootMer(fit, everything, nsim = 2, seed = 4)
    for (i in 1:2) {
      expect_equal(unname(b$t[i, ]),
        unname(everything(suppressMessages(refit(fit, y[i, ])))), tolerance = 1e-5, label = name)
    }
  }
})

# lme4 1.1-31 refits REML fits with one degree of freedom for all fixed effects together, and so
# does its bootMer(): fits by maximum likelihood are compared.
test_that("the statistics are those that lme4 finds for the same samples", {
  for (name in c("slope_ml", "pastes")) {
    fit <- our_fit(name)
    y <- samples_of(fit, 5, seed = 8)
    b <- bootMer(fit, nsim = 5, seed = 8)
    for (i in 1:5) {
      theirs <- suppressWarnings(suppressMessages(lme4::refit(lme4_fit(name), y[i, ])))
      found <- c(as.data.frame(lme4::VarCorr(theirs))$sdcor, lme4::fixef(theirs))
      expect_equal(unname(b$t[i, ]), unname(found), tolerance = 2e-3)
    }
  }
})

test_that("samples have the distribution of the model", {
  fit <- our_fit("slope")
  b <- bootMer(fit, nsim = 4000, seed = 5)
  fixed <- c("(Intercept)", "Days")
  noise <- sqrt(diag(vcov(fit))) / sqrt(4000)
  expect_true(all(abs(colMeans(b$t[, fixed]) - fixef(fit)) < 4 * noise))
  expect_equal(apply(b$t[, fixed], 2, sd), sqrt(diag(vcov(fit))), tolerance = 0.05)
  expect_equal(cov2cor(cov(b$t[, fixed]))[2], cov2cor(vcov(fit))[2], tolerance = 0.4)
})

test_that("random effects can be kept, all or some", {
  fit <- our_fit("three")
  for (kept in list(NULL, ~ (1 | h))) {
    y <- samples_of(fit, 400, seed = 2, re.form = kept)
    expected <- predict(fit, re.form = kept)
    sd <- apply(y, 2, sd)
    expect_true(all(abs(colMeans(y) - expected) < 4.5 * sd / 20))
  }
  expect_equal(samples_of(fit, 3, seed = 2, use.u = TRUE),
    samples_of(fit, 3, seed = 2, re.form = NULL))
  kept <- apply(samples_of(fit, 300, seed = 2, use.u = TRUE), 2, sd)
  expect_equal(mean(kept), sigma(fit), tolerance = 0.05)
  expect_rlmm_error(bootMer(fit, nsim = 2, use.u = TRUE, re.form = NA), "bad_argument")
  expect_rlmm_error(bootMer(fit, nsim = 2, re.form = ~ (0 + Days | Subject)), "re_form")
})

test_that("the semiparametric bootstrap draws residuals", {
  fit <- our_fit("weighted")
  y <- samples_of(fit, 50, type = "semiparametric", use.u = TRUE, seed = 1)
  w <- sqrt(weights(fit))
  e <- round(sort(residuals(fit) * w), 6)
  for (i in 1:50) expect_true(all(round((y[i, ] - fitted(fit)) * w, 6) %in% e))
  expect_rlmm_error(bootMer(fit, nsim = 2, type = "semiparametric"), "bad_argument", "use.u = TRUE")
})

test_that("the residual bootstrap has the covariance that was estimated", {
  for (name in c("slope", "weighted", "pastes")) {
    fit <- our_fit(name)
    modes <- standardised_modes(fit)
    for (k in seq_along(modes)) {
      u <- matrix(modes[[k]], length(fit$random[[k]]$columns))
      expect_equal(rowMeans(u), rep(0, nrow(u)))
      expect_equal(tcrossprod(u) / ncol(u), diag(nrow(u)))
    }
    plan <- sampling_plan(fit, "residual", list())
    expect_equal(c(mean(plan$residuals), mean(plan$residuals^2)), c(0, 1))
  }
  fit <- our_fit("slope")
  y <- samples_of(fit, 3000, type = "residual", seed = 6)
  V <- as.matrix(Matrix::tcrossprod(getME(fit, "Z") %*% getME(fit, "Lambda")))
  expected <- sigma(fit)^2 * (V + diag(180))
  at <- 1:10
  expect_equal(cov(y[, at]), expected[at, at], tolerance = 0.06, ignore_attr = TRUE)
  expect_equal(cov(y[, 1], y[, 11]), 0, tolerance = 0.1 * expected[1, 1])

  singular <- our_fit("singular")
  u <- standardised_modes(singular)[[1]]
  expect_equal(u, rep(0, 6))
  few <- suppressMessages(rlmm(Reaction ~ Days + (Days | g),
    transform(method_data(), g = h %in% c("a", "b"))))
  expect_rlmm_error(bootMer(few, nsim = 2, type = "residual"), "too_many_effects", "levels")
})

test_that("cases are whole groups, rows within groups, or both", {
  fit <- our_fit("slope")
  sizes <- bootMer(fit, function(m) c(ngrps(m), nobs(m)), nsim = 10, seed = 1, type = "cases")
  expect_equal(unname(sizes$t[, 1]), rep(18, 10))
  expect_equal(unname(sizes$t[, 2]), rep(180, 10))
  # whole groups: a row is there as often as its group
  whole <- bootMer(fit, function(m) {
    frame <- model.frame(m)
    c(max(tapply(frame$Days, frame$Subject, function(d) sum(sort(d) != 0:9))),
      length(unique(frame$Reaction)))
  }, nsim = 6, seed = 2, type = "cases")
  expect_true(all(whole$t[, 1] == 0))
  expect_true(all(whole$t[, 2] < 150))
  within <- bootMer(fit, function(m) {
    frame <- model.frame(m)
    as.numeric(all(frame$Reaction %in% sleepstudy$Reaction) && all(table(frame$Subject) == 10) &&
      identical(levels(frame$Subject), levels(sleepstudy$Subject)))
  }, nsim = 6, seed = 2, type = "cases", resample = "rows")
  expect_true(all(within$t == 1))
})

test_that("fits of cases in Rust are those of the resampled data", {
  for (name in c("slope", "weighted", "pastes")) {
    fit <- our_fit(name)
    parameters <- function(m) {
      table <- as.data.frame(VarCorr(m))
      c(table$sdcor[order(match(table$grp, as.data.frame(VarCorr(fit))$grp))], fixef(m))
    }
    for (kind in c("groups", "rows", "both")) {
      rust <- bootMer(fit, nsim = 4, seed = 3, type = "cases", resample = kind)
      r <- bootMer(fit, parameters, nsim = 4, seed = 3, type = "cases", resample = kind)
      expect_equal(rust$t, r$t, tolerance = 1e-5, ignore_attr = TRUE, label = paste(name, kind))
    }
  }
})

test_that("crossed factors need a choice, and keep their levels", {
  fit <- our_fit("penicillin")
  expect_rlmm_error(bootMer(fit, nsim = 2, type = "cases"), "bad_argument", "crossed", "cluster =")
  b <- bootMer(fit, function(m) ngrps(m), nsim = 10, seed = 1, type = "cases", cluster = "plate")
  expect_true(all(b$t[, 1] == 24 & b$t[, 2] == 6))
  expect_rlmm_error(bootMer(fit, nsim = 2, type = "cases", cluster = "x"), "bad_argument")
  expect_rlmm_error(bootMer(fit, nsim = 2, type = "cases", use.u = TRUE), "bad_argument")
  d <- method_data()
  twice <- suppressMessages(rlmm(Reaction ~ Subject + (1 | Subject:h) + (1 | h), d))
  expect_error(bootMer(twice, fixef, nsim = 2, type = "cases", cluster = "h"), NA)
  both <- suppressMessages(rlmm(Reaction ~ h + (1 | h), d))
  expect_error(bootMer(both, nsim = 2, seed = 1, type = "cases"), NA)
  expect_rlmm_error(bootMer(both, fixef, nsim = 2, type = "cases"), "bad_argument", "'h'")
})

test_that("failures are counted and described, messages collected", {
  fit <- our_fit("slope")
  picky <- function(m) {
    if (sigma(m) > 27) stop("sigma is too large")
    if (sigma(m) < 24) warning("small sigma")
    message("hello")
    c(sigma = sigma(m))
  }
  quiet <- function(expr) withCallingHandlers(expr, message = function(m) {
    invokeRestart("muffleMessage")
  })
  expect_warning(b <- quiet(bootMer(fit, picky, nsim = 60, seed = 1)),
    "of 60 samples have no statistic: FUN: sigma is too large", class = "rlmm_bootstrap")
  sigmas <- bootMer(fit, sigma, nsim = 60, seed = 1)$t[, 1]
  expect_equal(is.na(b$t[, 1]), sigmas > 27)
  count <- function(kind) b$notes$count[b$notes$kind == kind]
  expect_equal(count("failed"), sum(sigmas > 27))
  expect_equal(attr(b, "bootFail"), sum(sigmas > 27))
  expect_equal(count("warning"), sum(sigmas < 24))
  expect_equal(count("message"), sum(sigmas <= 27))
  expect_equal(sum(attr(b, "boot.all.msgs")[["factory-warning"]]), sum(sigmas < 24))
  expect_output(print(b), paste(sum(sigmas > 27), "of 60 failed: FUN: sigma is too large"))

  bad <- function(m) if (sigma(m) > 26) 1:2 else 1
  expect_warning(b <- bootMer(fit, bad, nsim = 20, seed = 1), "2 values")
  expect_rlmm_error(bootMer(fit, function(m) "a", nsim = 2), "bad_argument", "character")
})

test_that("singular fits are counted by term", {
  fit <- our_fit("slope")
  b <- bootMer(fit, function(m) isSingular(m) + 0, nsim = 400, seed = 1)
  expect_gt(sum(b$t), 0)
  expect_equal(sum(b$singular[, "Subject"]), sum(b$t))
  expect_equal(b$notes$text[b$notes$kind == "singular"], "Subject")
  expect_output(print(b), paste(sum(b$t), "of 400 singular in Subject"))
})

test_that("undefined correlations and uncertified optima are told", {
  set.seed(2)
  fit <- suppressMessages(rlmm(y ~ Days + (Days | Subject),
    transform(sleepstudy, y = Days + rnorm(180))))
  b <- bootMer(fit, nsim = 50, seed = 1)
  undefined <- colSums(is.nan(b$t))
  expect_gt(undefined[["cor_Days.(Intercept)|Subject"]], 0)
  expect_equal(b$notes$count[b$notes$kind == "undefined"], unname(undefined[undefined > 0]))
  hasty <- our_fit("slope")
  hasty$control <- rlmm_control(max_eval = 2)
  b <- bootMer(hasty, nsim = 10, seed = 1)
  expect_equal(sum(b$notes$count[b$notes$kind == "not certified"]), 10)
  expect_output(print(b), "not certified")
})

test_that("redundant columns in a sample of cases are told", {
  d <- method_data()
  d$rare <- as.numeric(d$Subject == "308") * d$Days
  b <- bootMer(rlmm(Reaction ~ Days + rare + (1 | Subject), d), nsim = 40, seed = 1, type = "cases")
  lost <- is.na(b$t[, "rare"])
  expect_gt(sum(lost), 5)
  expect_equal(b$notes$count[b$notes$text == "columns of the fixed effects are redundant"],
    sum(lost))
})

test_that("rows of weight zero and rows left out stay so", {
  d <- method_data()
  d$w[c(3, 60)] <- 0
  fit <- rlmm(Reaction ~ Days + (Days | Subject), d, weights = w)
  b <- bootMer(fit, function(m) c(nobs(m), model.frame(m)[[1]][c(3, 60)]), nsim = 3, seed = 1)
  expect_equal(unname(b$t), matrix(c(178, d$Reaction[c(3, 60)]), 3, 3, byrow = TRUE))
  reduced <- rlmm(Reaction ~ Days + (Days | Subject), d[-c(3, 60), ], weights = w)
  expect_equal(bootMer(fit, nsim = 3, seed = 1)$t, bootMer(reduced, nsim = 3, seed = 1)$t,
    tolerance = 1e-6)
  padded <- bootMer(our_fit("exclude"), function(m) length(fitted(m)), nsim = 2, seed = 1)
  expect_equal(unname(padded$t[, 1]), c(180, 180))
})

test_that("fits of lme4 are handed on", {
  set.seed(1)
  theirs <- suppressMessages(lme4::bootMer(lme4_fit("slope_ml"), lme4::fixef, nsim = 2))
  set.seed(1)
  ours <- suppressMessages(bootMer(lme4_fit("slope_ml"), lme4::fixef, nsim = 2))
  expect_equal(ours$t, theirs$t)
  expect_rlmm_error(bootMer(1, mean), "no_method")
})

test_that("wrong arguments are classed errors", {
  fit <- our_fit("slope")
  expect_rlmm_error(bootMer(fit, nsim = 0), "bad_argument", "nsim")
  expect_rlmm_error(bootMer(fit, seed = "a"), "bad_argument", "seed")
  expect_rlmm_error(bootMer(fit, type = "wild"), "bad_argument", "type")
  expect_rlmm_error(bootMer(fit, nsims = 3), "bad_argument", "nsims")
  expect_rlmm_error(bootMer(fit, .progress = "tk"), "bad_argument", ".progress")
})

test_that("memory grows by the statistics kept", {
  fit <- our_fit("slope")
  size <- function(nsim) as.numeric(object.size(unclass(bootMer(fit, nsim = nsim, seed = 1))))
  # six statistics, a flag and a count for each sample
  expect_lt((size(3000) - size(1000)) / 2000, 8 * 6 + 8 + 8 + 1)
})

test_that("summary, data frame, plot and verbose", {
  b <- bootMer(our_fit("slope"), nsim = 200, seed = 1)
  table <- summary(b, level = 0.9, type = "norm")
  expect_equal(unname(as.matrix(table[5:6])), unname(confint(b, level = 0.9, type = "norm")))
  expect_equal(table$std.error, unname(apply(b$t, 2, sd)))
  expect_equal(table$bias, unname(colMeans(b$t) - b$t0))
  expect_equal(as.matrix(as.data.frame(b)), b$t, ignore_attr = TRUE)
  expect_s3_class(plot(b), "trellis")
  expect_s3_class(plot(b, "theta_"), "trellis")
  expect_equal(strip_size(c("sigma", "Days")), 0.85)
  expect_lt(plot(b)$par.strip.text$cex, 0.85)
  expect_output(bootMer(our_fit("slope"), fixef, nsim = 3, seed = 1, verbose = TRUE),
    "1 :.*\n.*2 :.*\n.*3 :")
})
