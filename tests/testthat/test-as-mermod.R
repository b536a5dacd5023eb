test_that("lme4's methods find what they find in lmer's fit", {
  skip_if_not_installed("lme4")
  expect_as_lmer(lme4::fixef(both(x)))
  expect_as_lmer(as.matrix(vcov(both(x))))
  expect_as_lmer(lme4::getME(both(x), "theta"))
  expect_as_lmer(as.data.frame(lme4::VarCorr(both(x))))
  expect_as_lmer(lapply(lme4::ranef(both(x)), as.matrix))
  expect_as_lmer(model.matrix(both(x)))
  expect_as_lmer(model.frame(both(x)))
  expect_as_lmer(as.numeric(logLik(both(x))))
  expect_as_lmer(residuals(both(x)))
  expect_as_lmer(predict(both(x), re.form = NA))
  expect_as_lmer(hatvalues(both(x)))
  expect_as_lmer(simulate(both(x), nsim = 2, seed = 1))
  expect_as_lmer(lme4::isSingular(both(x)))
  expect_as_lmer(coef(summary(both(x))))
  expect_as_lmer(formula(both(x)))
})

test_that("slots and matrices that merTools, cAIC4 and RLRsim look into are there", {
  skip_if_not_installed("lme4")
  for (part in c("Lambdat", "RX", "Zt", "X", "y", "u", "b", "Gp", "Lind", "lower", "cnms", "mu")) {
    expect_as_lmer(as.vector(unlist(lme4::getME(both(x), part))), tolerance = 1e-3)
  }
  expect_as_lmer(as.vector(as.matrix(methods::as(lme4::getME(both(x), "L"), "sparseMatrix"))),
    tolerance = 1e-3)
  expect_as_lmer(lme4::getME(both(x), "devcomp")$dims)
  expect_as_lmer(lapply(lme4::getME(both(x), "flist"), as.integer))
  expect_as_lmer(both(x)@frame)
  expect_as_lmer(both(x)@resp$weights)
  expect_as_lmer(names(both(x)@optinfo$derivs))
  expect_as_lmer(as.matrix(both(x)@pp$unsc()))
})

test_that("functions that fit again, or need derivatives, run", {
  skip_if_not_installed("lme4")
  expect_as_lmer(confint(profile(both(x), which = "beta_"), level = 0.9),
    c("slope", "weighted", "deficient", "oats", "penicillin"), tolerance = 1e-3)
  expect_as_lmer(confint(profile(both(x), which = "theta_")),
    c("penicillin", "cake", "weighted", "deficient", "oats"), tolerance = 1e-3)
  first_group <- function(x) names(lme4::getME(x, "flist"))[1]
  expect_as_lmer(cooks.distance(influence(both(x), first_group(x))),
    c("slope", "weighted", "pigs", "singular", "penicillin"), tolerance = 1e-3)
  expect_as_lmer(cooks.distance(both(x)))
  expect_as_lmer(lme4::fixef(lme4::refit(both(x), rev(lme4::getME(x, "y")))),
    c("slope", "penicillin", "pigs", "oats", "deficient"), tolerance = 1e-3)
  expect_as_lmer(lme4::fixef(lme4::refitML(both(x))))
  expect_as_lmer(as.numeric(logLik(update(both(x), . ~ . - Days))), "slope")
  expect_as_lmer(lme4::bootMer(both(x), lme4::fixef, 3, seed = 1)$t)
  expect_as_lmer(data.frame(drop1(both(x))), setdiff(with_terms, "weighted"))
  expect_as_lmer(data.frame(anova(both(x), lme4::refitML(both(x)))))
  for (name in c("slope", "cake")) {
    derivatives <- both(interop_fits(name)$ours)@optinfo$derivs
    theirs <- interop_fits(name)$theirs@optinfo$derivs
    expect_equal(derivatives$Hessian, theirs$Hessian, tolerance = 1e-2)
    expect_lt(max(abs(derivatives$gradient)), 1e-3)
  }
})

test_that("lmerTest and pbkrtest take it", {
  skip_if_not_installed("lmerTest")
  skip_if_not_installed("pbkrtest")
  expect_as_lmer(coef(summary(lmerTest::as_lmerModLmerTest(both(x)))))
  expect_as_lmer(data.frame(anova(lmerTest::as_lmerModLmerTest(both(x)))))
  expect_as_lmer(data.frame(lmerTest::ranova(lmerTest::as_lmerModLmerTest(both(x)))))
  expect_as_lmer(as.matrix(pbkrtest::vcovAdj(both(x))))
  last <- function(x) diag(length(lme4::fixef(x)))[length(lme4::fixef(x)), , drop = FALSE]
  expect_as_lmer(unlist(pbkrtest::KRmodcomp(both(x), last(x))$stats[c("Fstat", "ddf", "p.value")]))
  expect_as_lmer(unlist(pbkrtest::SATmodcomp(both(x), last(x))$test),
    setdiff(with_terms, "singular"))
  fewer <- function(x) update(x, stats::as.formula(paste(". ~ . -", predictor_of(x))))
  reference <- function(x) {
    set.seed(1)
    suppressWarnings(pbkrtest::PBmodcomp(x, fewer(x), nsim = 4)$ref)
  }
  expect_as_lmer(reference(both(x)), c("slope", "pigs", "oats", "cake", "singular"),
    tolerance = 1e-3)
})

test_that("the data of the fit are enough, wherever it was made", {
  skip_if_not_installed("lme4")
  made_inside <- function(hidden, half) {
    hidden$z[3] <- NA
    rlmm(log(Reaction) ~ poly(Days, 2) + scale(z) + (0 + I(Days / 2) | Subject), hidden,
      weights = w * half, na.action = na.exclude, subset = h != "a")
  }
  d <- method_data()
  fit <- made_inside(d, 0.5)
  theirs <- as_merMod(fit)
  expect_equal(lme4::fixef(theirs), fixef(fit), tolerance = 1e-8)
  expect_equal(as.vector(model.matrix(theirs)), as.vector(model.matrix(fit)))
  expect_equal(fitted(theirs), fitted(fit), tolerance = 1e-8)
  expect_equal(as.numeric(logLik(update(theirs, REML = FALSE))), as.numeric(logLik(refitML(fit))),
    tolerance = 1e-5)
  new <- d[5:7, ]
  expect_equal(predict(theirs, new), predict(fit, new), tolerance = 1e-8)
})

test_that("functions that evaluate the call elsewhere find the data of the fit", {
  skip_if_not_installed("lme4")
  skip_if_not_installed("lmerTest")
  in_function <- function(interop_sleep) {
    interop_sleep$Reaction <- 2 * interop_sleep$Reaction
    rlmm(Reaction ~ Days + (Days | Subject), interop_sleep)
  }
  fit <- interop_fits("slope")$ours
  theirs <- as_merMod(fit)
  expect_identical(theirs@call$data, quote(interop_sleep))
  # another object of that name is there
  doubled <- as_merMod(in_function(interop_data()$interop_sleep))
  part <- "fixed.effects[-Subject]"
  expect_equal(influence(doubled, "Subject")[[part]], 2 * influence(theirs, "Subject")[[part]],
    tolerance = 1e-4)
  # neither a subset nor weights that are no variable are found by the name of the data
  half <- as_merMod(rlmm(Reaction ~ Days + (1 | Subject), interop_sleep, weights = 1 / w,
    subset = Days > 3))
  expect_equal(nobs(update(half, . ~ . - Days)), 108)
  expect_equal(nrow(eval(half@call$data)), 108L)
  direct <- rlmm(Reaction ~ Days + (1 | Subject), sleepstudy[-(1:10), ])
  unnamed <- as_merMod(direct)
  expect_equal(data.frame(lmerTest::ranova(lmerTest::as_lmerModLmerTest(unnamed))),
    data.frame(ranova(direct))[1:6], tolerance = 1e-4, ignore_attr = TRUE)
  expect_equal(nrow(influence(unnamed, "Subject")[[part]]), 17L)
})

test_that("rows of weight zero are left out", {
  skip_if_not_installed("lme4")
  d <- method_data()
  d$w[c(1, 30)] <- 0
  fit <- rlmm(Reaction ~ poly(Days, 2) + (1 | Subject), d, weights = w)
  theirs <- as_merMod(fit)
  expect_equal(lme4::fixef(theirs), fixef(fit), tolerance = 1e-8)
  expect_equal(logLik(theirs), logLik(fit), tolerance = 1e-8, ignore_attr = TRUE)
  expect_equal(nobs(theirs), 178)
})

test_that("a model that lme4 cannot express is an error", {
  skip_if_not_installed("lme4")
  d <- method_data()
  fit <- suppressMessages(rlmm(y ~ Days + (h || Subject), d))
  expect_rlmm_error(as_merMod(fit), "no_counterpart", "lme4 cannot express", "h || Subject")
  fit <- rlmm(y ~ Days + (1 | factor(Subject)), d)
  expect_rlmm_error(as_merMod(fit), "no_counterpart")
  expect_error(as_merMod(lm(y ~ Days, d)), class = "rlmm_no_method")
})

test_that("predictions for new data are those of the fit, whatever the order of the terms", {
  skip_if_not_installed("lme4")
  d <- method_data()
  for (model in c(y ~ Days + (Days || Subject), y ~ z + (1 | h) + (Days | Subject),
    y ~ z + (Days | Subject) + (1 | h) + (0 + z | Subject), y ~ Days + (1 | h / Subject),
    log(y) ~ poly(Days, 2) + (1 | Subject) + (0 + I(Days / 2) | Subject))) {
    fit <- suppressMessages(rlmm(model, d))
    new <- d[c(3, 50, 9), ]
    expect_equal(predict(as_merMod(fit), new), predict(fit, new), tolerance = 1e-6,
      label = deparse1(model))
  }
  split <- as_merMod(rlmm(y ~ Days + (Days || Subject), d))
  expect_equal(deparse1(split@call$formula), deparse1(formula(split)))
  expect_match(deparse1(split@call$formula), "(1 | Subject) + (0 + Days | Subject)", fixed = TRUE)
})
